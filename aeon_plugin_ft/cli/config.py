"""`aeon-ft config`: read, explain and change plugin.toml, keeping its comments."""

from __future__ import annotations

import json
from typing import Annotated, Any, Optional

import typer

from aeon_plugin_ft.cli.context import of, out, say_plainly, show_json, table
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.messages import Speaker

_say = Speaker("cli/config")

config = typer.Typer(help="Show, explain and change the settings (plugin.toml).", no_args_is_help=True)
app.add_typer(config, name="config")


@config.command("show")
def show(
    context: typer.Context,
    section: Annotated[Optional[str], typer.Argument(help="Only this section.")] = None,  # noqa: UP045
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Every setting with its value and meaning."""
    from aeon_plugin_ft.messages import language
    from aeon_plugin_ft.settings import meaning, sections

    settings = of(context).settings_file.current
    if as_json:
        show_json(settings.model_dump())
        return
    rows: list[tuple[str, Any, str]] = []
    for name, model in sections().items():
        if section in (None, name):
            values = getattr(settings, name)
            rows += [
                (f"{name}.{key}", _written(getattr(values, key)), meaning(name, key, language()))
                for key in model.model_fields
            ]
    heads = (_say("show.key"), _say("show.value"), _say("show.meaning"))
    table(str(of(context).settings_file.path), heads, rows)


@config.command("get")
def get(context: typer.Context, key: Annotated[str, typer.Argument(help='For example "train.rank".')]) -> None:
    """One setting's value, as JSON."""
    section, _, name = _known(context, key).partition(".")
    show_json(getattr(getattr(of(context).settings_file.current, section), name))


@config.command("set")
def set_(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help='For example "schedule.every_turns".')],
    value: Annotated[str, typer.Argument(help="The new value, written as in TOML (quotes are optional).")],
) -> None:
    """Change one setting; comments in the file stay. A running Aeon picks it up at once."""
    file = of(context).settings_file
    file.set(key, _toml(value))
    out.print(f"{key} = {value}   ({file.path})")


@config.command("path")
def path(context: typer.Context) -> None:
    """Where plugin.toml is."""
    say_plainly(of(context).settings_file.path)


@config.command("check")
def check(context: typer.Context) -> None:
    """Say whether plugin.toml can be used; every problem with its line."""
    out.print(_say("check.fine", path=of(context).settings_file.path))


def _written(value: Any) -> str:
    """A value as it stands in the file; a text without its quotes, which `config set` needs neither."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _toml(text: str) -> Any:
    """A value as TOML reads it; what is no TOML value is a string."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(f"value = {text}").unwrap()["value"]
    except TOMLKitError:
        return text


def _known(context: typer.Context, key: str) -> str:
    from aeon_plugin_ft.errors import SettingsError
    from aeon_plugin_ft.settings import all_keys, unknown_key_sentence

    file = of(context).settings_file
    if key not in all_keys():
        raise SettingsError(file.path, [unknown_key_sentence(file.path, None, key)])
    return key

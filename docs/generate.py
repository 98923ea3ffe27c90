"""Writes the pages that are rendered from the code: configuration, command line, hooks.

`python docs/generate.py` writes them; the tests hold what is committed against what this renders.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

DOCS = Path(__file__).parent


def configuration() -> str:
    """docs/configuration.md from the settings models."""
    from aeon_plugin_ft.settings import sections, toml_value

    lines = [
        "# plugin.toml",
        "",
        "The file lies in the plugin's data folder (`aeon-ft config path`) and is written, with these comments, on the",
        "first start. A saved change takes effect at once; a change that will not do keeps the last good settings and",
        "says why. `aeon-ft config set KEY VALUE` and spoken changes keep your comments.",
        "",
    ]
    for name, model in sections().items():
        lines += [
            f"## [{name}]",
            "",
            (model.__doc__ or "").strip(),
            "",
            "| key | default | meaning |",
            "| --- | --- | --- |",
        ]
        for key, info in model.model_fields.items():
            meaning = (info.description or "").replace("|", "\\|")
            lines.append(f"| `{key}` | `{toml_value(info.get_default())}` | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def command_line() -> str:
    """docs/cli.md from the commands' own help."""
    from aeon_plugin_ft.cli.looking import LOOKS
    from aeon_plugin_ft.cli.main import app, load_commands

    load_commands()
    root = typer.main.get_command(app)
    lines = [
        "# The command line",
        "",
        "`aeon-ft [--data FOLDER] [--aeon FOLDER] [--debug] COMMAND`; the three may stand behind the command as well.",
        "The data folder is the one given, else `$AEON_FT_DATA`, else the one inside the Aeon given, else the one",
        "inside the Aeon that `aeon-ft install` was given last, else the user's own. A folder given with `--aeon`",
        "that holds no Aeon is refused.",
        "",
        f"Commands that only look ({', '.join(f'`{name}`' for name in LOOKS)})",
        "make no data folder: where there is none yet, they say so and how to begin. They say on standard error which",
        "folder they looked at, but not with `--json`. What goes to a pipe or a file is neither cut nor wrapped.",
        "",
        "Exit codes: 0 done, 1 failed, 2 bad input, 3 refused (not now, or not on this machine), 130 stopped",
        "with Ctrl-C. That nothing is kept yet is an answer (0), unless the command was asked for something in it (1).",
        "",
        "Language: commands, errors and the comments of a new plugin.toml are Portuguese or English, as `[plugin]",
        "language` says; on `auto` as the system does (`LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`; on Windows the",
        "language that it shows). `AEON_FT_LANGUAGE=pt` or `en` comes before all of them. JSON and exit codes are the",
        "same in both.",
        "",
        "Completion: `aeon-ft completion bash >> ~/.bashrc`, likewise for zsh, fish and powershell (into `$PROFILE`).",
        "",
        "| command | what it does |",
        "| --- | --- |",
    ]
    for path, command in _commands(root, ()):
        arguments = "".join(f" {p.name.upper()}" for p in command.params if p.param_type_name == "argument")
        first = (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
        lines.append(f"| `{' '.join(path)}{arguments}` | {first} |".replace("...|", "..."))
    return "\n".join([*lines, ""])


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(group, "commands", None)
    if children is None:
        yield path, group
        return
    if path and group.invoke_without_command:
        yield path, group
    for name, child in sorted(children.items()):
        yield from _commands(child, (*path, name))


def hook_list() -> str:
    """docs/hooks.md from the specifications."""
    from hooks.specs import HostHooks, TrainerHooks

    lines = [
        "# Hooks",
        "",
        "Plugins of an Aeon are found through the entry-point group `aeon` ([pluggy](https://pluggy.readthedocs.io)).",
        "An implementation names the arguments it wants and gives them no default:",
        "",
        "```python",
        "from aeon_plugin_ft.hooks import Turn, hookimpl",
        "",
        "",
        "class NoBankTalk:",
        "    @hookimpl",
        "    def ft_refuse_turn(self, turn: Turn) -> str | None:",
        '        return "talk about the bank" if "banco" in turn.prompt else None',
        "```",
        "",
        "In this repository the hooks lie in `hooks/`; `aeon_plugin_ft.hooks` is their name here and in a wheel alike.",
        "",
        "The plugin that was registered last is called first; `@hookimpl(tryfirst=True)` and `trylast=True` change",
        "that. Each plugin is called apart from the others, so one that raises is logged, the first time that it fails",
        "in a hook, and costs nobody else anything. A wrapper (`@hookimpl(wrapper=True)`, or the older",
        "`hookwrapper=True`) wraps the call as a whole: it runs once, and sees the one answer of a hook that stops at",
        "the first, or the list of all answers. It never sees another plugin's exception. A wrapper that raises, or",
        "that does not return the list, is logged, and what the plugins answered counts.",
        "",
    ]
    for title, specs in (("Called by the host", HostHooks), ("Called by this plugin", TrainerHooks)):
        lines += [f"## {title}", ""]
        for name, function in vars(specs).items():
            if not name.startswith("_"):
                lines += [f"### `{name}{_signature(function)}`", "", inspect.cleandoc(function.__doc__ or ""), ""]
    return "\n".join(lines)


def _signature(function: Callable[..., object]) -> str:
    return str(inspect.signature(function)).replace("(self, ", "(").replace("(self)", "()").replace("'", "")


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "cli.md": command_line,
    "hooks.md": hook_list,
}


if __name__ == "__main__":
    for file, render in PAGES.items():
        (DOCS / file).write_text(render(), encoding="utf-8", newline="\n")

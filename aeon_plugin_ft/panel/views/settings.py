"""Ajustes: the settings that an owner cares about, and the others behind a door."""

from __future__ import annotations

import math
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aeon_plugin_ft.errors import SettingsError
from aeon_plugin_ft.messages import Messages
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.rendering import PATHS, Pages
from aeon_plugin_ft.settings import Settings, all_keys, sections

OWNERS = (
    "log.enabled", "privacy.mode", "privacy.terms", "memory.in_prompt", "memory.cloud", "base.model",
    "schedule.enabled", "schedule.every_turns", "schedule.idle_minutes", "schedule.quiet_hours",
    "schedule.on_battery", "serve.prefer", "voice.enabled", "voice.announce", "plugin.language",
    "plugin.disk_cap_gb",
)  # fmt: skip
"""In the order of the page."""
AREA = "settings"


class Kind(str, Enum):
    """How a setting is shown."""

    SWITCH = "switch"
    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    SEVERAL = "several"
    """Any of a few."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of plugin.toml as the page shows it. `options` are the values that a choice has; `whole`: a number
    without a fraction. `default` as it is shown."""

    key: str
    kind: Kind
    value: Any
    options: tuple[str, ...]
    whole: bool
    changed: bool
    default: Any

    @property
    def name(self) -> str:
        """Its key as a name in the catalogue and on the page: "log_enabled"."""
        return self.key.replace(".", "_")

    @property
    def shown(self) -> str:
        """The value as it stands in a field."""
        return "\n".join(self.value) if self.kind is Kind.LIST else _plain(self.value)


def routes(desk: Desk, pages: Pages, keys: Keys) -> list[Route]:
    """The page, and the button that changes a setting."""

    def settings(request: Request) -> Response:
        now = desk.settings
        every = {key: as_shown(key, now) for key in all_keys()}
        rest = [one for key, one in every.items() if key not in OWNERS]
        groups = {section: [one for one in rest if one.key.startswith(f"{section}.")] for section in sections()}
        return pages.show(
            request, "settings", own=[every[key] for key in OWNERS], groups=groups, error=desk.settings_file.error,
            path=str(desk.settings_file.path), meaning=Messages(AREA, pages.speech(request).language),
            folder=str(desk.data.root),
        )  # fmt: skip

    def change(form: Form) -> Response:
        key = form.get("ajuste")
        try:
            desk.settings_file.set(key, value_of(key, form))
        except (SettingsError, ValueError):
            pages.note("note.bad_value", good=False)
        else:
            pages.note("note.saved")
        return pages.back(form, PATHS["settings"])

    return [Route(PATHS["settings"], settings), Route("/ajustes/mudar", action(keys, change), methods=["POST"])]


def as_shown(key: str, settings: Settings) -> Setting:
    """A key with its value of now."""
    section, _, name = key.partition(".")
    info = sections()[section].model_fields[name]
    kind, options = _kind(info.annotation)
    value, default = getattr(getattr(settings, section), name), info.get_default()
    shown = ", ".join(default) if isinstance(default, tuple) else _plain(default)
    return Setting(key, kind, value, options, info.annotation is int, value != default, shown)


def value_of(key: str, form: Form) -> Any:
    """What a form says that a key should be. Raises ValueError for what is no number, and for an unknown key; what is
    out of bounds is for the settings to refuse."""
    if key not in all_keys():
        raise ValueError(key)
    section, _, name = key.partition(".")
    annotation = sections()[section].model_fields[name].annotation
    kind, _ = _kind(annotation)
    text = form.get("valor").strip()
    if kind is Kind.SWITCH:
        return text == "true"
    if kind is Kind.SEVERAL:
        return tuple(form.all("valor"))
    if kind is Kind.LIST:
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    if kind is Kind.NUMBER:
        # A Brazilian writes 10,5; a thousands' point is none of either.
        number = float(text.replace(",", "."))
        if not math.isfinite(number):
            raise ValueError(text)
        return int(number) if annotation is int and number == int(number) else number
    return text


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if annotation is bool:
        return Kind.SWITCH, ()
    if annotation in (int, float):
        return Kind.NUMBER, ()
    if typing.get_origin(annotation) is Literal:
        return Kind.CHOICE, typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple:
        inner = typing.get_args(annotation)[0]
        if typing.get_origin(inner) is Literal:
            return Kind.SEVERAL, typing.get_args(inner)
        return Kind.LIST, ()
    return Kind.TEXT, ()


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)

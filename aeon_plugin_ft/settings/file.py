"""plugin.toml on disk: read, validated and edited as a whole.

An unknown key or a bad value is named with file, line, key, reason and the nearest valid key, and the last good
settings stay in force.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aeon_plugin_ft.errors import SettingsError
from aeon_plugin_ft.messages import Speaker, language
from aeon_plugin_ft.settings.problems import (
    line_of,
    old_value_notes,
    problem_sentence,
    text_sentences,
    toml_sentences,
    unknown_key_sentence,
)
from aeon_plugin_ft.settings.reading import values_of
from aeon_plugin_ft.settings.rendering import default_text
from aeon_plugin_ft.settings.sections import Settings, sections
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import why_refused, write_whole

_say = Speaker("errors/settings")


class SettingsFile:
    """plugin.toml on disk and the last good settings read from it.

    `reload()` never raises: an invalid edit keeps `current` and leaves the reason in `error`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.current = Settings()
        self.error: SettingsError | None = None
        self.notes: tuple[str, ...] = ()
        """What of the file was read as something else: values of earlier releases."""
        self._read_at: tuple[int, int] | None = None
        self._changing = threading.RLock()
        """A change by the owner and a reading of the file take turns: the older one must not come last."""

    @classmethod
    def open(cls, path: Path) -> SettingsFile:
        """Read the file, writing the default first, with comments in the owner's language, where there is none.

        Raises SettingsError when the file that is there cannot be used.
        """
        file = cls(path)
        if not path.exists():
            file._write(default_text(language()))
        file._read_at = file._stamp()
        text = file._read()
        file.current, file.notes = parse(text, path), old_value_notes(text, path)
        return file

    def reload(self) -> bool:
        """Read the file again; True when `current` changed."""
        with self._changing:
            try:
                text = self._read()
                read = parse(text, self.path)
            except SettingsError as error:
                self.error = error
                return False
            self.error, self.notes = None, old_value_notes(text, self.path)
            changed = read != self.current
            self.current = read
            return changed

    def reload_if_changed(self) -> bool:
        """`reload()` when the file was saved since it was last read; cheap enough to ask every second."""
        stamp = self._stamp()
        # Time and size of the file: one stat, in place of reading and parsing it every second.
        if stamp == self._read_at:
            return False
        # Noted before it is read: a save in between is seen at the next look.
        self._read_at = stamp
        return self.reload()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size

    def set(self, key: str, value: Any) -> None:
        """Change one "section.key" in the file, keeping every comment; raise SettingsError if it will not do."""
        section, _, name = key.partition(".")
        model = sections().get(section)
        if model is None or name not in model.model_fields:
            raise SettingsError(self.path, [unknown_key_sentence(self.path, None, key)])
        import tomlkit

        with self._changing:
            before = self._read()
            parse(before, self.path)  # a file with a mistake in it is named, and not written over
            document = tomlkit.parse(before)
            table = document.setdefault(section, tomlkit.table())
            table[name] = list(value) if isinstance(value, tuple) else value
            text = tomlkit.dumps(document)
            # Checked before it is written: a value that will not do never reaches the file. In force only once it is
            # there: a full disk must not leave settings that the next start does not know.
            changed = parse(text, self.path)
            self._write(text)
            self.current, self.notes = changed, old_value_notes(text, self.path)

    def _read(self) -> str:
        try:
            # Windows' editors put a BOM in front.
            return self.path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise SettingsError(self.path, [_say("file.not_utf8", path=self.path, byte=error.start)]) from error
        except OSError as error:
            told = _say("file.unreadable", path=self.path, reason=why_refused(error, self.path))
            raise SettingsError(self.path, [told]) from error

    def _write(self, text: str) -> None:
        """Whole or not at all: a power cut leaves the old file."""
        try:
            private.make_folder(self.path.parent)
            write_whole(self.path, text)
        except OSError as error:
            told = _say("file.not_written", path=self.path, reason=why_refused(error, self.path))
            raise SettingsError(self.path, [told]) from error


def parse(text: str, path: Path) -> Settings:
    """Validate the whole text; raise SettingsError with every problem found."""
    try:
        raw = values_of(text)
    except ValueError as error:
        raise SettingsError(path, toml_sentences(text, path, error)) from error
    twisted = text_sentences(raw, text, path)
    if twisted:
        raise SettingsError(path, twisted)
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        # As they stand in the file, whatever order the settings have here.
        found = sorted(error.errors(), key=lambda problem: line_of(text, ".".join(map(str, problem["loc"][:2]))) or 0)
        raise SettingsError(path, [problem_sentence(problem, text, path) for problem in found]) from error

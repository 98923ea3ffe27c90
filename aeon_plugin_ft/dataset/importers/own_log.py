"""The plugin's own turn log, from this data folder or another one's copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.source import SAMPLE_BYTES, Source
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.turns.model import LoggedTurn

_say = Speaker("errors/dataset")


class FolderSource(Source):
    """A folder with turn log files in it. Raises InputFileError when there is none."""

    def __init__(self, path: Path) -> None:
        from aeon_plugin_ft.turns.files import log_files

        files = log_files(path)
        if not files:
            raise InputFileError(path, *_say.error("file.no_log"))
        self.path = path
        self.size = sum(file.stat().st_size for file in files)
        self.encoding = "utf-8"
        with files[0].open("rb") as first:
            self.sample = first.read(SAMPLE_BYTES).decode("utf-8", "replace")
        self.ends_with_newline = True

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: the plugin writes its log in one encoding."""
        return ()


class OwnLog:
    name = "log"
    title = "the plugin's own turn log (a folder, or one file of it)"

    def sniff(self, sample: str) -> float:
        """Sure with the first line that the log's own parser knows."""
        from aeon_plugin_ft.turns.lines import Header, SystemText, TurnRecord, parse

        # Any whole line will do: a copied file may begin in the middle.
        for line in sample.split("\n", 20)[:20]:
            if isinstance(parse(line.encode("utf-8", "replace") + b"\n"), (Header, SystemText, TurnRecord)):
                return 1.0
        return 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Every turn of the folder in the order of time, or of one file in its own."""
        from aeon_plugin_ft.turns import read_turns
        from aeon_plugin_ft.turns.reading import turns_of

        def skip(path: Path, line: int) -> None:
            reading.skip(line, _say("skipped.damaged", file=path.name))

        return read_turns(source.path, skip) if isinstance(source, FolderSource) else turns_of(source.path, skip)

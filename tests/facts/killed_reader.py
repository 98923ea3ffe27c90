"""A process that reads a log for facts, slowly and over and over, until it is killed.

python tests/facts/killed_reader.py DATA-FOLDER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
sys.path.insert(0, str(REPOSITORY))

from aeon_plugin_ft.facts import book as book_module  # noqa: E402 - the path comes first
from aeon_plugin_ft.facts.book import FactBook  # noqa: E402 - the path comes first
from aeon_plugin_ft.facts.model import Claim  # noqa: E402 - the path comes first
from aeon_plugin_ft.store import DataFolder, Store  # noqa: E402 - the path comes first
from aeon_plugin_ft.turns import TurnIndex  # noqa: E402 - the path comes first
from tests.facts.telling import PlainReader  # noqa: E402 - the path comes first


class SlowReader(PlainReader):
    def claims(self, sentence: str) -> list[Claim]:
        time.sleep(0.01)
        return super().claims(sentence)


def main() -> None:
    data = DataFolder(Path(sys.argv[1]))
    store = Store(data.database)
    index = TurnIndex(store, data.log)
    book_module.BATCH = 3
    book = FactBook(store, SlowReader())
    print("reading", flush=True)
    while True:
        index.ingest()
        book.sync(index)
        if not book.due():
            print("done", flush=True)
            time.sleep(60)


if __name__ == "__main__":
    main()

"""Frozen datasets: written once, hashed, manifest last, and read back only when nothing about them changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aeon_plugin_ft.dataset.lessons import count_lessons
from aeon_plugin_ft.dataset.model import Dataset, Draft, Example, Preference, Rating
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import DataFolder, Store, private
from aeon_plugin_ft.store.digest import sha256_hex
from aeon_plugin_ft.store.files import whole_folder
from hooks import Message, as_dicts

_say = Speaker("errors/dataset")

MANIFEST = "dataset.json"
FORMAT = 1


def freeze(draft: Draft, folder: DataFolder, store: Store) -> Dataset:
    """Write the draft to <data>/datasets/<hash>/ and note it, and the turns in it, in the store.

    The same draft gives the same folder, which is then left as it is. Raises DatasetError when there is
    nothing to train on, NoSpaceError when the disk is full.
    """
    if not draft.train:
        raise DatasetError(*_say.error("frozen.nothing_yet", why=_why_empty(draft)))
    contents = {name: _lines(rows) for name, rows in _files(draft).items()}
    digest = _hash(contents)
    target = folder.datasets / digest
    if not (target / MANIFEST).exists():
        folder.require_space(2 * sum(map(len, contents.values())))
        _write(target, contents, draft, store.clock())
    dataset = load_dataset(target)
    _note(dataset, draft, store)
    return dataset


def load_dataset(folder: Path) -> Dataset:
    """Read a frozen dataset; raise DatasetError when it is missing, unfinished or changed."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        counts = manifest["counts"]
        dataset = Dataset(
            str(manifest["hash"]),
            folder,
            counts["train"],
            counts["heldout"],
            counts["dropped"],
            counts["preferences"],
            counts["ratings"],
            # Not in the manifests of before facts were taught.
            counts.get("lessons", 0),
            counts.get("facts", 0),
        )
    except FileNotFoundError as error:
        raise DatasetError(*_say.error("frozen.none", folder=folder)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(*_say.error("frozen.unreadable", folder=folder, reason=error)) from error
    for name, expected in files.items():
        file = folder / name
        # Read whole each time: a run that goes on must learn what it began with.
        if not file.is_file() or sha256_hex(file) != expected:
            raise DatasetError(*_say.error("frozen.changed", file=file))
    return dataset


def read_messages(file: Path) -> list[list[Message]]:
    """The conversations of a `{"messages": [...]}` JSONL file, in order; DatasetError names a bad line."""
    conversations = []
    for number, row in _rows(file):
        try:
            conversations.append([Message(message["role"], str(message["content"])) for message in row["messages"]])
        except (KeyError, TypeError) as error:
            raise DatasetError(*_say.error("frozen.bad_line", file=file, line=number)) from error
    return conversations


def read_lineage(dataset: Dataset | Path) -> list[dict[str, Any]]:
    """One row an example: {"split", "line" (from 1), "id", "turns", "session", "at", "source"}; of a dataset or its
    folder."""
    return [row for _, row in _rows(_folder(dataset) / "lineage.jsonl")]


def trained_turns(folders: Iterable[Path]) -> set[str]:
    """The turns on the training side of datasets, by their folders; one that is gone tells nothing."""
    kept = (folder for folder in folders if (folder / "lineage.jsonl").is_file())
    return {row["id"] for folder in kept for row in read_lineage(folder) if row["split"] == "train"}


def read_preferences(dataset: Dataset | Path) -> list[Preference]:
    """The pairs of a better and a worse reply, of a dataset or its folder."""
    return [
        Preference(row["id"], _messages(row["prompt"]), row["chosen"], row["rejected"], tuple(row["turns"]))
        for _, row in _rows(_folder(dataset) / "preferences.jsonl")
    ]


def read_ratings(dataset: Dataset | Path) -> list[Rating]:
    """The replies that were praised or complained about, of a dataset or its folder."""
    return [
        Rating(row["id"], _messages(row["prompt"]), row["reply"], row["good"], tuple(row["turns"]))
        for _, row in _rows(_folder(dataset) / "ratings.jsonl")
    ]


def _folder(dataset: Dataset | Path) -> Path:
    return dataset if isinstance(dataset, Path) else dataset.folder


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield number, json.loads(line)
    except (OSError, ValueError) as error:
        raise DatasetError(*_say.error("frozen.file_unreadable", file=file, reason=error)) from error


def _files(draft: Draft) -> dict[str, Iterable[dict[str, Any]]]:
    return {
        "train.jsonl": ({"messages": as_dicts(example.messages)} for example in draft.train),
        "heldout.jsonl": ({"messages": as_dicts(example.messages)} for example in draft.heldout),
        "preferences.jsonl": (
            {"id": p.id, "prompt": as_dicts(p.prompt), "chosen": p.chosen, "rejected": p.rejected, "turns": p.turns}
            for p in draft.preferences
        ),
        "ratings.jsonl": (
            {"id": r.id, "prompt": as_dicts(r.prompt), "reply": r.reply, "good": r.good, "turns": r.turns}
            for r in draft.ratings
        ),
        "lineage.jsonl": [*_lineage("train", draft.train), *_lineage("heldout", draft.heldout)],
    }


def _lineage(split: str, examples: Sequence[Example]) -> Iterator[dict[str, Any]]:
    for line, example in enumerate(examples, 1):
        yield {
            "split": split, "line": line, "id": example.id, "turns": example.turns,
            "session": example.session, "at": example.at, "source": example.source,
        }  # fmt: skip


def _messages(rows: Iterable[dict[str, Any]]) -> tuple[Message, ...]:
    return tuple(Message(row["role"], row["content"]) for row in rows)


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    # A lone surrogate (a JSON escape can make one) cannot be written as UTF-8.
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace")


def _hash(contents: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name in sorted(contents):
        # With name and length, so that no other cut of the same bytes into files has the same hash.
        whole.update(f"{name}\0{len(contents[name])}\0".encode() + contents[name])
    return whole.hexdigest()[:16]


def _write(target: Path, contents: dict[str, bytes], draft: Draft, now: float) -> None:
    """The folder appears whole; one without a manifest is what an older program did not finish."""
    taught = count_lessons(draft.train)
    manifest = {
        "format": FORMAT,
        "hash": target.name,
        "created": now,
        "counts": {
            "train": len(draft.train), "heldout": len(draft.heldout), "dropped": len(draft.dropped),
            "preferences": len(draft.preferences), "ratings": len(draft.ratings),
            "lessons": taught.lessons, "facts": taught.facts,
        },
        "dropped": dict(sorted(Counter(dropped.filter for dropped in draft.dropped).items())),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }  # fmt: skip
    try:
        with whole_folder(target) as part:
            for name, data in contents.items():
                private.write_file(part / name, data)
            private.write_file(part / MANIFEST, json.dumps(manifest, indent=2) + "\n")
            # A folder cannot be renamed onto one that is there, and this one was never finished.
            if not (target / MANIFEST).exists():
                shutil.rmtree(target, ignore_errors=True)
    except FileExistsError:
        if not (target / MANIFEST).exists():
            raise
        # Another process was faster: the name is the hash of the contents, so they are the same.


def _note(dataset: Dataset, draft: Draft, store: Store) -> None:
    used = {turn for example in (*draft.train, *draft.heldout) for turn in example.turns}
    used.update(turn for pair in draft.preferences for turn in pair.turns)
    used.update(turn for rating in draft.ratings for turn in rating.turns)
    with store.transaction() as connection:
        connection.execute(
            # IGNORE: frozen before; the folder, and what is in it, are the same.
            "INSERT OR IGNORE INTO datasets (hash, created, train, heldout, dropped) VALUES (?, ?, ?, ?, ?)",
            (dataset.hash, store.clock(), dataset.train, dataset.heldout, dataset.dropped),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO dataset_turns (dataset, turn) VALUES (?, ?)",
            [(dataset.hash, turn) for turn in sorted(used)],
        )


def dataset_hashes(store: Store) -> list[str]:
    """Every dataset that was frozen, oldest first."""
    return [row["hash"] for row in store.rows("SELECT hash FROM datasets ORDER BY created")]


def inherit_turns(store: Store, dataset: str, other: str) -> None:
    """Let forgetting a turn of the dataset `other` reach `dataset` too: something that learnt from the one is judged
    by the other."""
    store.execute(
        "INSERT OR IGNORE INTO dataset_turns (dataset, turn) SELECT ?, turn FROM dataset_turns WHERE dataset = ?",
        dataset, other,
    )  # fmt: skip


def datasets_with(store: Store, turns: Collection[str]) -> set[str]:
    """The datasets that one of these turns went into."""
    gone = set(turns)
    return {row["dataset"] for row in store.rows("SELECT dataset, turn FROM dataset_turns") if row["turn"] in gone}


def forget_datasets(connection: sqlite3.Connection, datasets: Collection[str], turns: Collection[str]) -> None:
    """Take away the rows of datasets, and what other datasets say of these turns."""
    connection.executemany("DELETE FROM dataset_turns WHERE turn = ?", [(turn,) for turn in turns])
    connection.executemany("DELETE FROM datasets WHERE hash = ?", [(dataset,) for dataset in datasets])
    connection.executemany("DELETE FROM dataset_turns WHERE dataset = ?", [(dataset,) for dataset in datasets])


def _why_empty(draft: Draft) -> str:
    from aeon_plugin_ft.dataset.filters import in_short

    counts = Counter(dropped.filter for dropped in draft.dropped).most_common(3)
    if not counts:
        return _say("frozen.few", count=len(draft.heldout)) if draft.heldout else _say("frozen.no_talk")
    return _say("frozen.left_out", counts=", ".join(f"{count} {in_short(name)}" for name, count in counts))

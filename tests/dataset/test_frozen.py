"""Frozen datasets: hashed, whole or not there, checked on reading, noted in the store."""

from __future__ import annotations

import json
import shutil

import pytest

from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.frozen import (
    freeze,
    load_dataset,
    read_lineage,
    read_messages,
    read_preferences,
    read_ratings,
)
from aeon_plugin_ft.dataset.model import Draft, Feedback
from aeon_plugin_ft.errors import DatasetError, NoSpaceError
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns.model import TurnKind
from tests.dataset.conftest import MakeTurn


@pytest.fixture
def draft(turn: MakeTurn) -> Draft:
    things = ("café", "xadrez", "violão", "planetas", "foguetes", "montanhas")
    turns = [
        turn(f"e {t}, é o quê?", f"Cara, {t} é massa, ação pura.", session=f"s{n}", at=float(n))
        for n, t in enumerate(things)
    ]
    turns += [turn("erro", "Erro: x", kind=TurnKind.ERROR)]
    feedback = {
        turns[0].id: Feedback(turns[0].id, "correction", "É bebida."),
        turns[1].id: Feedback(turns[1].id, "praise"),
    }
    return build_draft(turns, DatasetSection(), feedback=feedback)


def test_what_is_frozen_reads_back(draft: Draft, data: DataFolder, store: Store) -> None:
    dataset = freeze(draft, data, store)
    assert dataset.folder == data.datasets / dataset.hash
    assert len(dataset.hash) == 16
    assert (dataset.train, dataset.heldout, dataset.dropped) == (4, 2, 1)
    assert [tuple(messages) for messages in read_messages(dataset.train_file)] == [e.messages for e in draft.train]
    assert [tuple(messages) for messages in read_messages(dataset.heldout_file)] == [e.messages for e in draft.heldout]
    assert tuple(read_preferences(dataset)) == draft.preferences != ()
    assert tuple(read_ratings(dataset)) == draft.ratings != ()
    assert "ação" in dataset.train_file.read_bytes().decode("utf-8")
    assert load_dataset(dataset.folder) == dataset


def test_lineage_leads_from_every_line_to_its_turns(draft: Draft, data: DataFolder, store: Store) -> None:
    dataset = freeze(draft, data, store)
    rows = read_lineage(dataset)
    assert [(row["split"], row["line"]) for row in rows] == [("train", n) for n in (1, 2, 3, 4)] + [
        ("heldout", 1),
        ("heldout", 2),
    ]
    assert [tuple(row["turns"]) for row in rows] == [e.turns for e in (*draft.train, *draft.heldout)]


def test_the_store_knows_the_dataset_and_its_turns(draft: Draft, data: DataFolder, store: Store) -> None:
    dataset = freeze(draft, data, store)
    freeze(draft, data, store)
    (row,) = store.rows("SELECT * FROM datasets")
    assert (row["hash"], row["train"], row["heldout"], row["dropped"]) == (dataset.hash, 4, 2, 1)
    turns = {row["turn"] for row in store.rows("SELECT turn FROM dataset_turns WHERE dataset = ?", dataset.hash)}
    assert turns == {example.id for example in (*draft.train, *draft.heldout)}


def test_the_same_draft_gives_the_same_folder_untouched(draft: Draft, data: DataFolder, store: Store) -> None:
    first = freeze(draft, data, store)
    before = {file.name: file.stat().st_mtime_ns for file in first.folder.iterdir()}
    assert freeze(draft, data, store) == first
    assert {file.name: file.stat().st_mtime_ns for file in first.folder.iterdir()} == before


def test_an_unfinished_folder_is_no_dataset_and_is_written_anew(draft: Draft, data: DataFolder, store: Store) -> None:
    dataset = freeze(draft, data, store)
    (dataset.folder / "dataset.json").unlink()
    dataset.train_file.write_text("half")
    with pytest.raises(DatasetError, match=r"no finished dataset .*aeon-ft dataset freeze"):
        load_dataset(dataset.folder)
    assert load_dataset(freeze(draft, data, store).folder) == dataset


@pytest.mark.parametrize("name", ["train.jsonl", "heldout.jsonl", "lineage.jsonl"])
def test_a_changed_file_is_noticed(draft: Draft, data: DataFolder, store: Store, name: str) -> None:
    dataset = freeze(draft, data, store)
    file = dataset.folder / name
    file.write_bytes(file.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(DatasetError, match="is not what was frozen"):
        load_dataset(dataset.folder)


def test_a_missing_file_and_a_broken_manifest_are_noticed(draft: Draft, data: DataFolder, store: Store) -> None:
    dataset = freeze(draft, data, store)
    dataset.heldout_file.unlink()
    with pytest.raises(DatasetError, match="is not what was frozen"):
        load_dataset(dataset.folder)
    (dataset.folder / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match="cannot be read"):
        load_dataset(dataset.folder)


def test_an_empty_draft_says_what_was_left_out(turn: MakeTurn, data: DataFolder, store: Store) -> None:
    empty = build_draft([turn("a", "Erro: x", kind=TurnKind.ERROR)] * 2, DatasetSection())
    with pytest.raises(DatasetError, match=r"nothing to learn from yet \(left out: 2 error\)\. Talk to Aeon"):
        freeze(empty, data, store)
    assert list(data.datasets.iterdir()) == []


def test_a_full_disk_is_met_before_anything_is_written(
    draft: Draft, data: DataFolder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(data.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(NoSpaceError):
        freeze(draft, data, store)
    assert list(data.datasets.iterdir()) == []


def test_a_line_that_is_no_conversation_is_named(data: DataFolder) -> None:
    file = data.root / "x.jsonl"
    file.write_text(json.dumps({"messages": [{"role": "user", "content": "a"}]}) + '\n{"text": 1}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match="line 2"):
        read_messages(file)

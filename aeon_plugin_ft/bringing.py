"""An adapter that was trained elsewhere, brought back into the loop as a finished run, to be judged like any other.

What it was trained on decides what it can be judged by. An export of ours has a marker, by which the dataset is known,
and with it the conversations that were kept out of it. Without one, every held-out example that may have been among
its training data (what the owner names, what lies beside it, and all that was ever frozen here to be trained on) is put
aside, and the report says that the rest is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import Unknown
from aeon_plugin_ft.dataset.export.marker import ExportMarker, find_marker
from aeon_plugin_ft.dataset.frozen import dataset_hashes, inherit_turns, load_dataset
from aeon_plugin_ft.dataset.model import Dataset, Example
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.training.imported import STATE_FILE, Origin, add_imported, read_checked
from aeon_plugin_ft.training.model import Run
from aeon_plugin_ft.weights.foreign import ForeignAdapter

_say = Speaker("errors/loop")

FEWEST_HELDOUT = 4
"""Fewer examples that it cannot have seen judge nothing."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What was brought: its run, where it comes from, and the version that it is already (None: not judged yet)."""

    run: Run
    origin: Origin
    rank: int
    version: str | None


@dataclass(frozen=True, slots=True)
class _Judged:
    """By what it is judged: `learnt` is the hash of the dataset that it was trained on, None where it is not known."""

    dataset: Dataset
    learnt: str | None
    aside: int
    unknown: tuple[Unknown, ...]


def bring(pipeline: Pipeline, folder: Path, data: Sequence[Path] = ()) -> Brought:
    """Check an adapter, or a whole model, and add it as a finished run. `data` are JSONL files that it was trained on,
    as the owner says.

    Raises InputFileError for an adapter that cannot be used, DatasetError where there is nothing to judge it by.
    """
    base = pipeline.base()
    adapter = read_checked(folder, base)
    judged = _judged_by(pipeline, adapter.folder, data)
    unknown = (*judged.unknown, *_unknown(adapter, base))
    origin = Origin(
        adapter.trainer.value, adapter.digest, short_name(adapter.base_named), judged.learnt, judged.aside, unknown,
        adapter.kept,
    )  # fmt: skip
    run = add_imported(pipeline.data, pipeline.store, base, judged.dataset, adapter, origin)
    return Brought(run, origin, adapter.rank, pipeline.registry.version_of(run.id))


def short_name(base: str) -> str:
    """The last two parts of what an adapter calls its base: the rest is a folder of another machine."""
    return "/".join(base.replace("\\", "/").rstrip("/").split("/")[-2:])


def _unknown(adapter: ForeignAdapter, base: BaseModel) -> Iterator[Unknown]:
    named, ours = (short_name(name).split("/")[-1].casefold() for name in (adapter.base_named, base.spec))
    # A folder's name says nothing, a model's says which: "SmolLM2-135M-Instruct" is what we call it too.
    if not named or named != ours.removesuffix(".gguf"):
        yield Unknown.BASE
    if not (adapter.folder / STATE_FILE).is_file():
        yield Unknown.RECIPE


def _judged_by(pipeline: Pipeline, folder: Path, data: Sequence[Path]) -> _Judged:
    marker = find_marker(folder)
    if marker is None:
        dataset, aside = _fresh(pipeline, [*data, *sorted(folder.glob("*.jsonl"))])
        return _Judged(dataset, None, aside, () if data else (Unknown.DATA,))
    kept = pipeline.data.datasets / marker.dataset
    if not kept.is_dir() and marker.dataset not in dataset_hashes(pipeline.store):
        raise InputFileError(marker.folder, *_say.error("bringing.forgotten", dataset=marker.dataset))
    if kept.is_dir() and not marker.changed and not data:
        return _Judged(load_dataset(kept), marker.dataset, 0, ())
    dataset, aside = _fresh(pipeline, [*data, *_exported(marker)])
    inherit_turns(pipeline.store, dataset.hash, marker.dataset)
    return _Judged(dataset, None, aside, (Unknown.DATA_CHANGED,) if marker.changed else (Unknown.DATA,))


def _exported(marker: ExportMarker) -> list[Path]:
    """The examples that were exported to be trained on: those that are held out are not."""
    names = (name for name in marker.files if "heldout" not in name)
    return [marker.folder / name for name in names if (marker.folder / name).is_file()]


def _fresh(pipeline: Pipeline, likely: Iterable[Path]) -> tuple[Dataset, int]:
    """What the log gives now, without the held-out examples that may have been trained on, and how many those are."""
    draft = pipeline.draft()
    frozen = (path / "train.jsonl" for path in pipeline.data.datasets.iterdir() if (path / "train.jsonl").is_file())
    seen = {key for path in (*likely, *frozen) for key in _keys_in(path)}
    unseen = tuple(example for example in draft.heldout if _key(example) not in seen)
    aside = len(draft.heldout) - len(unseen)
    if aside and len(unseen) < FEWEST_HELDOUT:
        raise InputFileError(
            pipeline.data.datasets,
            *_say.error("bringing.too_few_unseen", unseen=len(unseen), heldout=len(draft.heldout)),
        )
    return pipeline.freeze(replace(draft, heldout=unseen)), aside


def _key(example: Example) -> tuple[str, str]:
    return _folded(example.user), _folded(example.reply)


def _keys_in(path: Path) -> Iterator[tuple[str, str]]:
    """Question and reply of each example of a JSONL file; of a line that is none, nothing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputFileError(path, *_say.error("bringing.unreadable", reason=error)) from error
    for line in lines:
        key = _key_of(line)
        if key is not None:
            yield key


def _key_of(line: str) -> tuple[str, str] | None:
    try:
        messages = json.loads(line)["messages"]
        asked = next(message["content"] for message in reversed(messages) if message["role"] == "user")
        return _folded(asked), _folded(messages[-1]["content"])
    except (ValueError, KeyError, TypeError, IndexError, StopIteration):
        return None


def _folded(text: str) -> str:
    # As the same words may stand in another file: case, accents and spaces are not what tells examples apart.
    return " ".join(fold_accents(text).casefold().split())

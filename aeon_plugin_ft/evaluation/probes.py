"""The sets of conversations that a candidate's loss is measured on, as files for the evaluation worker.

heldout      the dataset's own held-out conversations
mismatched   the same replies under the questions of others: a model that understood what it was asked
             finds them much less likely; one trained on shuffled replies hardly less
general      plain Portuguese that has nothing to do with the owner
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from aeon_plugin_ft.dataset.frozen import read_messages
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation.general import general_examples
from aeon_plugin_ft.store import private
from hooks import Message, as_dicts

HELDOUT, MISMATCHED, GENERAL = "heldout", "mismatched", "general"


def write_sets(dataset: Dataset, folder: Path) -> dict[str, Path]:
    """Set name to its JSONL file; what is not on disk yet is written to `folder`."""
    private.make_folder(folder)
    heldout = read_messages(dataset.heldout_file)
    return {
        HELDOUT: dataset.heldout_file,
        MISMATCHED: _write(folder / "mismatched.jsonl", mismatched(heldout)),
        GENERAL: _write(folder / "general.jsonl", general_examples()),
    }


def mismatched(examples: Sequence[Sequence[Message]]) -> list[list[Message]]:
    """Each reply under the prompt of the example half the set away, or of the next with another reply.

    Half away, because neighbours are often of one conversation and their questions alike. Same order and
    number as `examples`.
    """
    count = len(examples)
    mismatched = []
    for index, example in enumerate(examples):
        # All places from half away onwards; the first whose reply is another one.
        order = ((index + count // 2 + step) % count for step in range(count))
        other = next((at for at in order if examples[at][-1].content != example[-1].content), index)
        mismatched.append([*examples[other][:-1], example[-1]])
    return mismatched


def _write(path: Path, examples: Iterable[Sequence[Message]]) -> Path:
    lines = [json.dumps({"messages": as_dicts(messages)}, ensure_ascii=False) for messages in examples]
    private.write_file(path, "".join(f"{line}\n" for line in lines))
    return path

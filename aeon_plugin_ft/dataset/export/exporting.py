"""A frozen dataset in the shapes that other trainers take, each with a configuration that runs as it is.

Formats: "jsonl" (`{"messages": [...]}`, what OpenAI, Groq and TRL take), "llamafactory", "axolotl" and "unsloth". All
files are UTF-8; what a tool opens with the platform's own encoding (LLaMA-Factory's dataset_info.json) is pure ASCII.
The held-out split goes along as the evaluation set, never into the training data. Each has a marker beside it, by which
`aeon-ft models import` knows what the adapter that comes back was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeon_plugin_ft.dataset.export import texts
from aeon_plugin_ft.dataset.export.marker import write_marker
from aeon_plugin_ft.dataset.export.texts import ExportPlan
from aeon_plugin_ft.dataset.frozen import read_messages, read_preferences, read_ratings
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store import private
from hooks import Message, as_dicts

_say = Speaker("errors/dataset")


@dataclass(frozen=True, slots=True)
class Export:
    """What was written. `left_out` counts examples that the target cannot express; `next_step` is a command."""

    files: tuple[Path, ...]
    left_out: int
    next_step: str


def export(dataset: Dataset, target: Path, format: str, plan: ExportPlan | None = None) -> Export:
    """Write `dataset` into the folder `target` in `format`; `plan` holds the base model and the LoRA recipe.

    Raises DatasetError for an unknown format, for a base model whose chat template is not known
    (LLaMA-Factory needs its name), and when the folder cannot be written.
    """
    if format not in FORMATS:
        raise DatasetError(*_say.error("export.no_format", format=repr(format), formats=", ".join(FORMATS)))
    plan = plan or ExportPlan()
    try:
        private.make_folder(target)
        made = FORMATS[format](dataset, target, plan)
        write_marker(dataset, target, plan.base_model, (file for file in made.files if file.suffix == ".jsonl"))
        return made
    except OSError as error:
        raise DatasetError(*_say.error("export.not_written", target=target, reason=refusal(error))) from error


def _jsonl(dataset: Dataset, target: Path, plan: ExportPlan) -> Export:
    files = [_copy(dataset.train_file, target / "train.jsonl"), _copy(dataset.heldout_file, target / "heldout.jsonl")]
    step = _say("export.jsonl_next", train=files[0].name, heldout=files[1].name)
    return Export(tuple(files), 0, step)


def _llamafactory(dataset: Dataset, target: Path, plan: ExportPlan) -> Export:
    plan = plan.with_template()
    train, left_out = _talk(dataset.train_file, target / "aeon_sft.jsonl")
    heldout, more = _talk(dataset.heldout_file, target / "aeon_heldout.jsonl")
    preferences = _write(target / "aeon_dpo.jsonl", _preference_rows(dataset))
    ratings = _write(target / "aeon_kto.jsonl", _rating_rows(dataset))
    files = [train, heldout, preferences, ratings]
    info = {file.stem: texts.dataset_info(file.name) for file in files if file.stat().st_size}
    files += [
        _text(target / "dataset_info.json", json.dumps(info, indent=2) + "\n"),
        _text(target / "train_lora_sft.yaml", texts.llamafactory_train(plan, heldout.stat().st_size > 0)),
        _text(target / "merge_lora.yaml", texts.llamafactory_merge(plan)),
    ]
    step = f"cd {target} && llamafactory-cli train train_lora_sft.yaml && llamafactory-cli export merge_lora.yaml"
    return Export(tuple(files), left_out + more, step)


def _axolotl(dataset: Dataset, target: Path, plan: ExportPlan) -> Export:
    train, left_out = _talk(dataset.train_file, target / "aeon_sft.jsonl")
    heldout, more = _talk(dataset.heldout_file, target / "aeon_heldout.jsonl")
    config = _text(target / "aeon.yaml", texts.axolotl(plan, heldout.stat().st_size > 0))
    step = f"cd {target} && axolotl train {config.name} && axolotl merge-lora {config.name}"
    return Export((train, heldout, config), left_out + more, step)


def _unsloth(dataset: Dataset, target: Path, plan: ExportPlan) -> Export:
    train, left_out = _talk(dataset.train_file, target / "aeon_sft.jsonl")
    heldout, more = _talk(dataset.heldout_file, target / "aeon_heldout.jsonl")
    script = _text(target / "train_unsloth.py", texts.unsloth(plan))
    return Export((train, heldout, script), left_out + more, f"cd {target} && python {script.name}")


FORMATS: dict[str, Callable[[Dataset, Path, ExportPlan], Export]] = {
    "jsonl": _jsonl,
    "llamafactory": _llamafactory,
    "axolotl": _axolotl,
    "unsloth": _unsloth,
}
"""Format name to its writer."""


def alternates(messages: Sequence[Message]) -> bool:
    """Whether the roles are (system,) user, assistant, user, assistant, ...: all that these tools accept."""
    talk = messages[1:] if messages and messages[0].role == "system" else messages
    expected = ("user", "assistant") * (len(talk) // 2)
    return bool(talk) and len(talk) % 2 == 0 and tuple(message.role for message in talk) == expected


def _talk(source: Path, file: Path) -> tuple[Path, int]:
    """The conversations of `source` that alternate, and how many do not."""
    every = read_messages(source)
    fit = [messages for messages in every if alternates(messages)]
    return _write(file, ({"messages": as_dicts(messages)} for messages in fit)), len(every) - len(fit)


def _preference_rows(dataset: Dataset) -> Iterable[dict[str, Any]]:
    for pair in read_preferences(dataset):
        if alternates((*pair.prompt, Message("assistant", pair.chosen))):
            chosen, rejected = ({"role": "assistant", "content": text} for text in (pair.chosen, pair.rejected))
            yield {"messages": as_dicts(pair.prompt), "chosen": chosen, "rejected": rejected}


def _rating_rows(dataset: Dataset) -> Iterable[dict[str, Any]]:
    for rating in read_ratings(dataset):
        whole = (*rating.prompt, Message("assistant", rating.reply))
        if alternates(whole):
            yield {"messages": as_dicts(whole), "label": rating.good}


def _copy(source: Path, file: Path) -> Path:
    private.write_file(file, source.read_bytes())
    return file


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> Path:
    return _text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _text(file: Path, text: str) -> Path:
    private.write_file(file, text)
    return file

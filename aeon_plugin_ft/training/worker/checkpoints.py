"""Checkpoints that are whole or absent: adapter, optimizer, schedule, random state and step.

checkpoints/step-000010/            written under another name, synced, then renamed; seal.json has the digest of
                                    each of its files
checkpoints/step-000015.<pid>.part  what a dying worker leaves; removed by the next one
checkpoints/step-000015.damaged     one whose files are not what was saved; kept to look at, never gone on from
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from aeon_plugin_ft.store.files import PART, move_into_place, remove_left_behind, whole_folder, write_json
from aeon_plugin_ft.store.seal import broken, seal

log = logging.getLogger("aeon_ft.training")

KEPT = 2
SEAL = "seal.json"
DAMAGED = ".damaged"
ADAPTER = "default"
"""PEFT's name of the adapter that is trained; a preference stage has a frozen copy beside it."""


def newest(folder: Path) -> Path | None:
    """The newest checkpoint whose files are what was saved, None when there is none. A damaged one is put aside with
    a line in the log, and the one before it counts."""
    for checkpoint in sorted(_whole(folder), reverse=True):
        faults = _faults(checkpoint)
        if not faults:
            return checkpoint
        log.warning("the checkpoint %s is damaged (%s); going on from the one before", checkpoint, "; ".join(faults))
        move_into_place(checkpoint, checkpoint.with_name(f"{checkpoint.name}{DAMAGED}"))
    return None


def _faults(checkpoint: Path) -> list[str]:
    try:
        sealed = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        # Of an earlier release. A file that is missing is told by the loader, one that was changed by nobody.
        return []
    except (OSError, ValueError) as error:
        return [f"{SEAL} cannot be read ({error})"]
    return broken(checkpoint, sealed)


def step_of(checkpoint: Path) -> int:
    """The optimizer step that a checkpoint was saved after."""
    return int(checkpoint.name.removeprefix("step-"))


def clean(folder: Path) -> None:
    """Remove what an interrupted save left."""
    remove_left_behind(folder)


def at(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is, or would be."""
    return folder / f"step-{step:06d}"


def save(trainer: Any, folder: Path, best: int | None = None) -> Path:
    """Save the trainer's state after its last whole step, in the layout that transformers resumes from.

    The newest two are kept, and that of the step `best`, whose weights may be the run's result.

    Raises OSError (no space, say) with the older checkpoints untouched.
    """
    step = int(trainer.state.global_step)
    final = at(folder, step)
    # A stop request that comes right after a checkpoint: the state is the same, and its folder is in the way.
    if final.exists():
        return final
    with whole_folder(final) as part:
        trainer.model.save_pretrained(part, save_embedding_layers=False, selected_adapters=[ADAPTER])
        # Private in transformers, as is its reader: a checkpoint must be one that `resume_from_checkpoint` takes.
        trainer._save_optimizer_and_scheduler(str(part))
        trainer._save_rng_state(str(part))
        trainer.state.save_to_json(str(part / "trainer_state.json"))
        write_json(part / SEAL, seal(part))
    # By name, whose six digits sort as numbers do. After the new one is whole, never before.
    for old in sorted(_whole(folder))[:-KEPT]:
        if step_of(old) != best:
            shutil.rmtree(old, ignore_errors=True)
    return final


def _whole(folder: Path) -> list[Path]:
    """The finished ones, in no order; the names of parts begin like theirs."""
    return [path for path in folder.glob("step-*") if path.suffix not in {PART, DAMAGED}]

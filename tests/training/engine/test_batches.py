"""A batch of rows as the trainer's loop hands it on."""

from __future__ import annotations

import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from aeon_plugin_ft.training.engine.trainer import RightPadded, columns, rows_of
from aeon_plugin_ft.training.plan import IGNORED, Row

PAD = 7
ROWS = [
    Row((1, 5, 6), (IGNORED, 5, 6)),
    Row((1, 2, 3, 4, PAD, 9), (IGNORED, IGNORED, 3, 4, PAD, 9)),
    Row((8,), (IGNORED,)),
]


def test_rows_are_padded_as_trl_pads_them() -> None:
    ours = RightPadded(PAD)([columns(row) for row in ROWS])
    theirs = DataCollatorForLanguageModeling(PAD)([columns(row) for row in ROWS])
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor) and ours[name].dtype == tensor.dtype, name


def test_a_padded_batch_gives_its_rows_back() -> None:
    assert rows_of(RightPadded(PAD)([columns(row) for row in ROWS])) == ROWS

"""What sharing is checked against: a step by the model's own forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aeon_plugin_ft.training.engine.head import PRECISE_ROWS
from aeon_plugin_ft.training.plan import IGNORED, Row


def stock_step(model: torch.nn.Module, rows: Sequence[Row]) -> float:
    """Mean loss of the rows, and its gradients, by the model's own forward and nothing of ours.

    One row at a time and logits only where they are scored (`logits_to_keep`), so that the check takes no
    more memory than the steps after it. The cross-entropy in fp64 on CPUs: PyTorch's fp32 kernel there is off by
    5e-5 nats over Gemma's 262 thousand words, which would count as a difference of ours.
    """
    total, count = 0.0, sum(row.supervised for row in rows)
    # The head's: the table of words may be elsewhere.
    device = model.get_output_embeddings().weight.device  # type: ignore[operator]
    for row in rows:
        # Position 0 is left out: no token predicts the first one.
        at = torch.tensor([place for place, label in enumerate(row.labels) if place and label != IGNORED])
        ids = torch.tensor(row.ids, device=device)
        # Some positions more, whose gradient is zero, where there are few: see PRECISE_ROWS.
        kept = torch.cat([at - 1, torch.zeros(max(0, PRECISE_ROWS - len(at)), dtype=torch.long)])
        logits = model(input_ids=ids[None], use_cache=False, logits_to_keep=kept.to(device)).logits[0, : len(at)]
        logits = logits.to(torch.float64 if device.type == "cpu" else torch.float32)
        loss = torch.nn.functional.cross_entropy(logits, ids[at.to(device)], reduction="sum") / count
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total

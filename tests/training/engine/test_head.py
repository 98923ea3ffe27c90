"""The loss under an output head and its gradient, as exact with few rows and many words as with many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from aeon_plugin_ft.training.engine.head import PRECISE_ROWS, Head, summed_loss

VOCABULARY, WIDTH = 262_144, 64


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [1, 5, 9, PRECISE_ROWS, 40])
def test_loss_and_gradient_are_exact_over_a_vocabulary_of_gemmas(rows: int, two_threads: None) -> None:
    random = torch.Generator().manual_seed(3)
    weight = torch.randn(VOCABULARY, WIDTH, generator=random) * 0.1 + 0.05
    hidden = torch.randn(rows, WIDTH, generator=random).requires_grad_()
    targets = torch.randint(0, VOCABULARY, (rows,), generator=random)
    loss = summed_loss(hidden, targets, Head(weight))
    loss.backward()  # type: ignore[no-untyped-call]
    exact = hidden.detach().double().requires_grad_()
    wanted = torch.nn.functional.cross_entropy(exact @ weight.double().t(), targets, reduction="sum")
    wanted.backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is not None and exact.grad is not None
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert float((hidden.grad - exact.grad).norm() / exact.grad.norm()) < 3e-6

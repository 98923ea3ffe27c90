"""A swap that takes its time: the owner is heard meanwhile, and can call it off."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.dataset.feedback.opinions import load_feedback
from aeon_plugin_ft.registry import Version
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.model import Deployment, OnStep
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.voice.catalogue import variants
from tests.flow.owner import BACKENDS, Owner, StandIn, add_version, eventually, heard, no_real_models, owner

__all__ = ["no_real_models", "owner"]


class SlowStandIn(StandIn):
    """Loads `slow` only when `gate` is open, and keeps the steps that it came to."""

    def __init__(self) -> None:
        super().__init__()
        self.slow, self.gate, self.loading = "", threading.Event(), threading.Event()
        self.steps: list[SwapStep] = []

    def deploy(
        self, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep, *rest: object
    ) -> Deployment:
        if version is not None and version.name == self.slow:
            self._step(SwapStep.LOADING, on_step)
            self.loading.set()
            assert self.gate.wait(60)
            self._step(SwapStep.LOADED, on_step)
            self._step(SwapStep.PROVED, on_step)
        return super().deploy(version, base)

    def _step(self, step: SwapStep, on_step: OnStep) -> None:
        self.steps.append(step)
        on_step(step)


@pytest.fixture
def slow(owner: Owner) -> SlowStandIn:
    made = SlowStandIn()
    BACKENDS["embedded"] = made
    return made


def test_feedback_is_taken_and_the_swap_called_off(owner: Owner, slow: SlowStandIn, tmp_path: Path) -> None:
    runtime = owner.start()
    first, slow.slow = add_version(runtime, tmp_path, "r1"), add_version(runtime, tmp_path, "r2")
    runtime.registry.promote(first, PromotionCause.OWNER)
    eventually(lambda: runtime.answering == first)
    owner.says("me fala sobre vulcões", id="t1")
    assert owner.hears("usa a versão dois") in variants()["dialogue.working"]
    assert slow.loading.wait(60)
    owner.says("e o mar?", id="t2")
    assert heard(owner, "isso tá errado") in variants()["feedback.wrong"]
    assert {turn: one.kind for turn, one in load_feedback(runtime.store).items()} == {"t2": "complaint"}
    told = len(owner.said)
    assert "a versão um" in str(heard(owner, "desfaz a troca"))
    slow.gate.set()
    why = variants()["reason.called_off"][0]
    eventually(lambda: any(why in sentence for sentence in owner.said[told:]))
    eventually(lambda: SwapStep.LOADED in slow.steps)
    assert runtime.answering == first == runtime.registry.current()
    eventually(lambda: runtime.served.swapper.serves(first))
    assert SwapStep.PROVED not in slow.steps and runtime.answering == first

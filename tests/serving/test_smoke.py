"""What no served model may say, whichever backend it is on."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.serving import smoke
from hooks import Route

ROUTE = Route("embedded", "v0001", version="v0001")


@pytest.mark.parametrize("mark", ["<think>", "</think>", "<thinking>", "</Reasoning>", "<|im_start|>", "[INST]"])
def test_marks_that_are_never_read_out_make_a_model_unfit(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reasoning is told by the one rule of hooks.text: what is stripped there is refused here."""
    monkeypatch.setattr(smoke, "ask", lambda *_: (f"Tudo bem. {mark} O que é isso?", True, 0.1))
    with pytest.raises(ServingError, match="a mark of its chat template"):
        smoke.smoke_test(ROUTE, trained=False)


def test_a_plain_reply_is_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "ask", lambda *_: ("Tudo bem, e com você?", True, 0.1))
    smoke.smoke_test(ROUTE, trained=False)

"""Tool calls count when the tool exists in the host and is about what was asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.host_tools import host_tools
from aeon_plugin_ft.evaluation.reply_checks import tools
from aeon_plugin_ft.evaluation.standard import Standard
from aeon_plugin_ft.evaluation.suites import INVENTED_TOOL, TOOL_PROMPTS, SuiteResult, fits, run_suites
from aeon_plugin_ft.store import DataFolder
from hooks import Message

MODULE = """
from core.module import AeonModule

class LembretesModule(AeonModule):
    def __init__(self, core):
        self.name = "Lembretes"

    def criar_timer(self, param):
        return "ok"

    def _tick(self):
        pass
"""


def host(root: Path) -> Path:
    (root / "modules" / "lembretes").mkdir(parents=True)
    (root / "modules" / "lembretes" / "lembretes_mod.py").write_text(MODULE, encoding="utf-8")
    return root


def asked(standard: Standard, call: str) -> SuiteResult:
    def chat(messages: Sequence[Message], most: int) -> Reply:
        return Reply(call if messages[-1].content in TOOL_PROMPTS else "Cara, tudo certo por aqui.", True, 0.1)

    return run_suites(chat, "", standard=standard)


def test_a_host_is_asked_for_its_modules_and_for_its_list(tmp_path: Path) -> None:
    root = host(tmp_path)
    assert host_tools(root) == {"lembretes.criar_timer", "lembretesmodule.criar_timer"}
    (root / "tools.json").write_text(json.dumps([{"name": "Mídia.tocar"}, {"Sistema": ["abrir"]}]), encoding="utf-8")
    assert {"midia.tocar", "sistema.abrir"} <= host_tools(root)


def test_a_broken_module_or_list_hides_no_other(tmp_path: Path) -> None:
    root = host(tmp_path)
    (root / "tools.json").write_text("{", encoding="utf-8")
    (root / "modules" / "x").mkdir()
    (root / "modules" / "x" / "x_mod.py").write_text("def (", encoding="utf-8")
    assert "lembretes.criar_timer" in host_tools(root)


def test_a_call_of_a_tool_that_the_host_has_not_counts_for_nothing(tmp_path: Path) -> None:
    known = Standard(tools=host_tools(host(tmp_path)))
    result = asked(known, '{"tool": "Cara.tema", "param": "azul"}')
    assert result.tool_valid == 0
    assert all(INVENTED_TOOL in answer.faults for answer in result.answers[: len(TOOL_PROMPTS)])


def test_a_call_that_is_not_about_the_request_counts_for_nothing(tmp_path: Path) -> None:
    known = Standard(tools=host_tools(host(tmp_path)))
    result = asked(known, '{"tool": "Lembretes.criar_timer", "param": "10 minutos"}')
    assert result.tool_valid < 0.5
    assert fits(TOOL_PROMPTS[1], '{"tool": "Lembretes.criar_timer", "param": {"minutos": 10}}')
    assert not fits(TOOL_PROMPTS[1], '{"tool": "Lembretes.criar_timer", "param": "azul"}')


@pytest.mark.parametrize(("known", "words"), [(True, "call of the right tool"), (False, "call of valid form")])
def test_without_the_host_s_list_only_the_form_is_claimed(tmp_path: Path, known: bool, words: str) -> None:
    standard = Standard(tools=host_tools(host(tmp_path))) if known else Standard()
    result = asked(standard, '{"tool": "Lembretes.criar_timer", "param": "10"}')
    numbers: dict[str, float] = {}
    assert words in tools({"v1": result, "base": result}, "v1", ["base"], 0.1, numbers, {}).detail
    assert numbers["tools_known"] == float(known)


def test_the_data_folder_knows_the_host_it_is_inside_of(tmp_path: Path) -> None:
    assert DataFolder(tmp_path / "bagagem" / "finetuning").host == tmp_path
    assert DataFolder(tmp_path / "elsewhere").host is None

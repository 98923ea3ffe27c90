"""The prompt of an Aeon that was never started: what it will serve, to the letter."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.system import canonical_system
from aeon_plugin_ft.install import brain_prompt
from aeon_plugin_ft.install.brain_prompt import host_prompt, prompt_of
from core.prompt import system_prompt

BRAIN = '''
import datetime
class AeonBrain:
    def pensar(self, prompt, historico_txt="", modo="auto"):
        dt_now = datetime.datetime.now().strftime("%d/%m/%Y %H:%M")
        system_prompt = f"""[IDENTIDADE]
Você é AEON. Responda com: {{"tool": "Modulo.funcao"}}
        Data/Hora: {dt_now}.

        [MEMÓRIAS RELEVANTES]
        Conversas passadas que podem ser relevantes para o prompt atual:
        {historico_txt if historico_txt else "Nenhuma memória relevante encontrada."}
        """
        return self.ask([{"role": "system", "content": system_prompt}, {"role": "user", "content": prompt}])
    def ask(self, messages):
        return messages[0]["content"]
'''


@pytest.fixture
def aeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(brain_prompt, "remembered_aeon", lambda: None)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "brain.py").write_text(BRAIN, encoding="utf-8")
    return tmp_path


def test_it_is_what_the_brain_sends_as_training_sees_it(aeon: Path) -> None:
    scope: dict[str, type] = {}
    exec(BRAIN, scope)
    sent = scope["AeonBrain"]().pensar("oi", "Você disse oi ontem.")
    assert prompt_of(aeon / "core" / "brain.py") == canonical_system(sent)


def test_the_aeon_that_the_data_folder_is_in_comes_first_then_the_one_installed_into(
    aeon: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = host_prompt(aeon / "bagagem" / "finetuning")
    assert inside is not None and inside.source == str(aeon) and "Você é AEON." in inside.text
    monkeypatch.setattr(brain_prompt, "remembered_aeon", lambda: aeon)
    assert host_prompt(aeon / "elsewhere") == inside


def test_without_an_aeon_it_is_the_repository_s_core(aeon: Path) -> None:
    found = host_prompt(aeon / "elsewhere")
    assert found is not None and found.source == "this repository's core"
    assert found.text == canonical_system(system_prompt(datetime.now(), "Ontem choveu."))


@pytest.mark.parametrize(
    "brain", ["", "def pensar(:", "def pensar(x):\n  return {'role': 'system', 'content': x}", "x = open('y').read()"]
)
def test_what_only_running_it_tells_is_not_guessed(tmp_path: Path, brain: str) -> None:
    (tmp_path / "brain.py").write_text(brain, encoding="utf-8")
    assert prompt_of(tmp_path / "brain.py") is None
    assert prompt_of(tmp_path / "none.py") is None

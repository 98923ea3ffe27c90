"""In Portuguese a refusal is Portuguese to its end: also the reason in it, and the step that depends on the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.base import builtin, fallback
from aeon_plugin_ft.base.builtin import SMOLLM2, Builtin, builtin_gguf
from aeon_plugin_ft.base.fallback import demo_base
from aeon_plugin_ft.base.resolve import resolve_base
from aeon_plugin_ft.base.training_copy import training_copy, whole_copy
from aeon_plugin_ft.base.wheels import Wheel
from aeon_plugin_ft.errors import AeonFtError, BaseModelError
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.weights.foreign import read_foreign
from aeon_plugin_ft.weights.gguf_file import GgufFile
from tests.base.tiny import make_tiny
from tests.servers.ollama import FakeOllama
from tests.weights.foreign import write_mlx, write_peft


@pytest.fixture(autouse=True)
def portuguese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")


def test_why_a_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(BaseModelError) as caught:
        GgufFile(path)
    assert str(caught.value) == (
        f"O arquivo do modelo {path} não pode ser usado: não é um arquivo GGUF. Baixe de novo, ou escolha outro modelo."
    )


def test_why_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AeonFtError) as caught:
        read_foreign(write_peft(tmp_path / "dora", use_dora=True), 1 << 20)
    assert str(caught.value) == (
        f"{tmp_path / 'dora'}: O adaptador não pode ser fundido com exatidão: ele usa DoRA. "
        "Treine um LoRA simples: sem DoRA, sem bias, sem modules_to_save."
    )
    mlx = write_mlx(tmp_path / "mlx")
    (mlx / "adapter_config.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(AeonFtError, match=r"não pode ser lido \(não é um objeto JSON\)\. Copie o adaptador de novo"):
        read_foreign(mlx, 1 << 20)


def test_what_to_take_in_place_of_a_model_of_ollamas(tmp_path: Path) -> None:
    with FakeOllama() as ollama:
        ollama.add_model("deepseek-r1:671b", architecture="deepseek2")
        with pytest.raises(BaseModelError) as caught:
            resolve_base("ollama:deepseek-r1:671b", tmp_path, ollama=ollama.url)
    assert "e o arquivo dele não serve para treinar" in caught.value.what
    assert caught.value.todo.startswith("Use um modelo de uma destas famílias: gemma3, llama, ")
    assert "; ou coloque em [base] model, destes, o que for o mesmo: deepseek-ai/" in caught.value.todo


def test_what_is_being_fetched_and_why_it_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(wheel: Wheel, target: Path) -> None:
        raise BaseModelError("sem rede")

    def without(model: Builtin, *_: object) -> Path:
        raise BaseModelError("Não foi possível baixar Gemma (sem rede)")

    heard: list[str] = []
    monkeypatch.setattr(builtin, "take_out", refuse)
    with pytest.raises(BaseModelError, match=r"Não foi possível baixar smollm2-135m-instruct \(sem rede\)") as caught:
        builtin_gguf(SMOLLM2, tmp_path, heard.append)
    assert caught.value.todo.startswith("Conecte-se à internet uma vez, ou tire ")
    monkeypatch.setattr(fallback, "builtin_gguf", without)
    demo_base(tmp_path, heard.append)
    assert heard == [
        "Baixando smollm2-135m-instruct (98 MB, só desta vez)",
        "Não foi possível baixar Gemma (sem rede); no lugar dele roda smollm2-135m-instruct, que sabe pouco português",
    ]


def test_what_is_being_made(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, "llama")
    heard: list[str] = []
    for make in (training_copy, whole_copy):
        make(tiny.path, "sha256:" + "0" * 64, tmp_path / "cache", heard.append)
    assert [line.split(" de llama")[0] for line in heard] == ["Fazendo a cópia de treino", "Fazendo uma cópia inteira"]

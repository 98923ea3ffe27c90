"""The plugin inside a miniature Aeon, booted in a child process: talk, commands, private mode, hot reload."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.install import install, uninstall
from tests.host.driven import Driven
from tests.host.servers import ModelServer

MINIATURE = Path(__file__).with_name("aeon")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("Área de Trabalho") / "Meu Aeon é este"
    shutil.copytree(MINIATURE, made)
    install(made)
    return made


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ModelServer, ModelServer]]:
    with ModelServer("groq") as groq, ModelServer("ollama") as ollama:
        yield groq, ollama


def boot(root: Path, servers: tuple[ModelServer, ModelServer], key: str = "k") -> Driven:
    return Driven(root, environment(servers, key))


def environment(servers: tuple[ModelServer, ModelServer], key: str = "k") -> dict[str, str]:
    return {"GROQ_BASE_URL": servers[0].url, "OLLAMA_HOST": servers[1].url, "GROQ_KEY": key}


@pytest.fixture
def aeon(root: Path, servers: tuple[ModelServer, ModelServer]) -> Iterator[Driven]:
    with boot(root, servers) as driven:
        yield driven


def test_it_attaches_mends_and_says_so(aeon: Driven, root: Path) -> None:
    state = aeon.state()
    assert "Finetuning" in state["modules"] and state["attached"] and state["listening"] and state["seen"]
    assert state["repairs"] == ["window", "private"]
    assert Path(state["data"]) == root / "bagagem" / "finetuning"
    assert "mended in this Aeon" in aeon.output()


def test_talk_is_captured_and_modules_are_told_apart(aeon: Driven) -> None:
    said = aeon.say("conta uma história")
    assert said["shown"] == [["AEON", "[groq/llama-3.3-70b-versatile] conta uma história"]]
    (turn,) = said["turns"]
    assert (turn["caller"], turn["mode"], turn["private"]) == ("chat", "auto", False)
    assert turn["messages"][0]["role"] == "system" and turn["served_by"]["provider"] == "groq"
    (turn,) = aeon.say("ler as cartas")["turns"]
    assert (turn["caller"], turn["mode"]) == ("modules.mistica.mistica_mod", "conversa")
    assert aeon.say("toca um samba")["turns"] == []


@pytest.mark.parametrize(
    "sentence",
    ["treinar modelo", "parar o treino", "pausar treino", "qual modelo está respondendo", "status do treino"],
)
def test_a_command_is_answered_though_foreign_triggers_are_in_it(aeon: Driven, sentence: str) -> None:
    said = aeon.say(sentence)
    assert said["shown"][0][1].startswith("comando: ") and said["turns"] == [] and said["focus"] is None
    assert said["spoken"] == [said["shown"][0][1]]


@pytest.mark.parametrize(
    ("sentence", "reply"),
    [
        ("qual a capital da França?", ""),
        ("voltar", "Midia: voltar"),
        ("listar módulos", "Sistema: listar módulos"),
        ("que filme muito bom", "Registrado: "),
        ("parar", "Quer sair? (sim/não)"),
    ],
)
def test_what_is_aeons_stays_aeons(aeon: Driven, sentence: str, reply: str) -> None:
    aeon.say("lembra disso aqui")
    assert str(aeon.reply(sentence)).startswith(reply)


def test_a_question_of_a_module_is_answered_first(aeon: Driven) -> None:
    aeon.say("sair")
    assert aeon.reply("parar o treino") == "Então fico."
    assert aeon.reply("parar o treino") == "comando: pause"


def test_the_private_mode_by_voice_marks_the_turn(aeon: Driven) -> None:
    assert aeon.reply("modo oculto") == "Oculto ligado."
    assert aeon.say("meu segredo")["turns"][0]["private"] is True
    assert aeon.reply("modo oculto") == "Oculto desligado."
    assert aeon.say("sem segredo")["turns"][0]["private"] is False


def test_the_chosen_model_answers_and_falls_back(aeon: Driven, servers: tuple[ModelServer, ModelServer]) -> None:
    route: dict[str, Any] = {"provider": "ollama", "model": "aeon:v1", "base_url": servers[1].url, "version": "v0001"}
    aeon.order("route", route=route)
    assert aeon.reply("fala aí") == "[ollama/aeon:v1] fala aí"
    aeon.order("route", route={**route, "base_url": "http://127.0.0.1:9"})
    said = aeon.say("fala aí")
    assert said["shown"] == [["AEON", "[groq/llama-3.3-70b-versatile] fala aí"]]
    assert [a["ok"] for a in said["turns"][0]["attempts"]] == [False, True]


def test_what_a_plugin_remembers_goes_out_with_aeons_own_request(
    aeon: Driven, servers: tuple[ModelServer, ModelServer]
) -> None:
    aeon.order("memories", by_provider={"groq": ["A gata do dono se chama Fork."]})
    turn = aeon.say("como se chama minha gata")["turns"][0]
    sent = servers[0].chats()[-1]["messages"]
    assert sent[0]["content"].endswith("Memórias:\n- A gata do dono se chama Fork.")
    assert sent[1:] == turn["messages"][1:] and "Fork" not in turn["messages"][0]["content"]


def test_other_plugins_are_asked_and_told_in_an_attached_aeon(
    root: Path, servers: tuple[ModelServer, ModelServer]
) -> None:
    """The real plugin and a guest's: vetoes, events and what it registers count in an Aeon as in our console."""
    with Driven(root, environment(servers), probe=False, guest=True) as aeon:
        for sentence in ("quanto tenho no banco central", "e o gato dorme muito", "conta uma história"):
            assert aeon.reply(sentence) == f"[groq/llama-3.3-70b-versatile] {sentence}"
        account = aeon.order("account")
    assert account["logged"] == ["e o gato dorme muito", "conta uma história"]
    assert "turns_logged" in account["heard"]
    assert "icq" in account["importers"]
    assert "no_cats" in account["dropped"]
    assert account["shelves"] == [str(root / "bagagem" / "finetuning")], "made once, when it was first needed"


def test_five_hot_reloads_change_nothing(aeon: Driven) -> None:
    before = aeon.state()
    for _ in range(5):
        aeon.order("reload")
    after = aeon.state()
    assert after == before
    assert len(aeon.say("conta outra")["turns"]) == 1
    assert aeon.reply("treinar modelo") == "comando: train_now"


def test_an_announcement_is_shown_and_spoken(aeon: Driven) -> None:
    told = aeon.order("announce", text="Treino terminado.")
    assert told == {"shown": ["AEON", "Treino terminado."], "spoken": "Treino terminado."}


def test_closing_the_door_gives_the_broken_aeon_back(aeon: Driven) -> None:
    assert aeon.order("close_door") == {"left": {}}
    assert aeon.say("oi")["shown"][0][0] == "ERRO"


def test_without_a_key_the_local_model_is_asked(root: Path, servers: tuple[ModelServer, ModelServer]) -> None:
    with boot(root, servers, key="") as aeon:
        assert aeon.reply("conta") == "[ollama/deepseek-r1:8b] conta"


def test_after_uninstall_and_install_it_is_the_same(root: Path, servers: tuple[ModelServer, ModelServer]) -> None:
    uninstall(root)
    with boot(root, servers) as aeon:
        assert aeon.say("oi")["shown"][0][0] == "ERRO", "the miniature is broken without the plugin"
        assert "Finetuning" not in aeon.state()["modules"]
    install(root)
    with boot(root, servers) as aeon:
        assert aeon.reply("conta") == "[groq/llama-3.3-70b-versatile] conta"


def test_a_broken_package_leaves_aeon_running(root: Path, servers: tuple[ModelServer, ModelServer]) -> None:
    """A module whose import fails must not be seen by the owner."""
    package = root / "aeon_plugin_ft"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('quebrado é')", encoding="utf-8")
    try:
        with Driven(root, {"GROQ_BASE_URL": servers[0].url, "GROQ_KEY": "k"}, probe=False) as aeon:
            assert "quebrado" in aeon.output()
            assert "Finetuning" in aeon.state()["modules"]
    finally:
        shutil.rmtree(package)

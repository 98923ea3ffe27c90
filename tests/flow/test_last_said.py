""" "Esquece isso" and "isso tá errado" mean what was just said, and touch no innocent conversation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.feedback.opinions import load_feedback
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.privacy import grep
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.turns import read_turns
from aeon_plugin_ft.voice.catalogue import variants
from tests.flow.owner import Owner, eventually, heard, no_real_models, owner

__all__ = ["no_real_models", "owner"]

HOURS = 3600.0
INNOCENT = "me fala sobre vulcões"
FEEDBACK = ("aprende isso", "isso tá errado", "não, o certo é Hermengarda")


def private_turn(owner: Owner) -> None:
    owner.says("o cofre é do vizinho", private=True)


def module_reply(owner: Owner) -> None:
    owner.asks_a_module("toca um samba")


def switched_off(owner: Owner) -> None:
    runtime = owner.plugin.runtime
    assert runtime is not None
    runtime.settings_file.set("log.enabled", False)
    owner.says("isso não fica")
    runtime.settings_file.set("log.enabled", True)


def refused_turn(owner: Owner) -> None:
    runtime = owner.plugin.runtime
    assert runtime is not None
    runtime.settings_file.set("privacy.mode", "drop")
    owner.says("meu cpf é 529.982.247-25")
    runtime.settings_file.set("privacy.mode", "redact")


def secret_in_a_sentence(owner: Owner) -> None:
    owner.says("o cofre é do Anacleto, isso é segredo, não grava")


UNLOGGED: dict[str, tuple[Callable[[Owner], None], str]] = {
    "a private turn": (private_turn, "last_was_private"),
    "a module's reply": (module_reply, "last_was_module"),
    "logging off": (switched_off, "last_was_unkept"),
    "a refused turn": (refused_turn, "last_was_unkept"),
    "a secret in a sentence": (secret_in_a_sentence, "last_was_private"),
}


def users(owner: Owner) -> list[str]:
    return [turn.user for turn in read_turns(owner.host.data_folder / "log")]


def opinions(runtime: Runtime) -> dict[str, tuple[str, str | None]]:
    return {turn: (one.kind, one.correction) for turn, one in load_feedback(runtime.store).items()}


def says_why(reply: str | None, reason: str) -> bool:
    return variants()[f"reason.{reason}"][0] in str(reply)


@pytest.mark.parametrize("what", UNLOGGED)
def test_what_is_not_in_the_log_is_not_forgotten_in_the_place_of_an_older_one(owner: Owner, what: str) -> None:
    owner.start()
    owner.says(INNOCENT)
    happens, reason = UNLOGGED[what]
    happens(owner)
    assert says_why(heard(owner, "esquece isso"), reason)
    assert heard(owner, "sim") is None
    assert INNOCENT in users(owner)


@pytest.mark.parametrize("sentence", FEEDBACK)
@pytest.mark.parametrize("what", UNLOGGED)
def test_what_is_not_in_the_log_is_not_judged_in_the_place_of_an_older_one(
    owner: Owner, what: str, sentence: str
) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    happens, reason = UNLOGGED[what]
    happens(owner)
    assert says_why(heard(owner, sentence), reason)
    assert opinions(runtime) == {}
    assert not grep(owner.host.data_folder, ["Hermengarda"])


def test_an_empty_reply_is_what_is_forgotten_and_nothing_to_judge(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    owner.says("e aí?", "", served_by=None)
    assert says_why(heard(owner, "isso tá errado"), "last_was_no_reply")
    assert opinions(runtime) == {}
    assert "em que você disse: e aí" in str(heard(owner, "esquece isso"))
    heard(owner, "sim")
    eventually(lambda: users(owner) == [INNOCENT])


def test_a_clock_that_is_set_back_changes_nothing(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    owner.says("me fala sobre o mar", started_at=time.time() - 3 * HOURS, id="sea")
    heard(owner, "isso tá errado")
    assert opinions(runtime) == {"sea": ("complaint", None)}
    question = str(heard(owner, "esquece isso"))
    assert "a conversa sobre o mar" in question
    heard(owner, "sim")
    eventually(lambda: users(owner) == [INNOCENT])


def test_praise_after_a_complaint_after_praise_is_the_newest_word(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT, id="fire")
    for sentence, kind in (("aprende isso", "praise"), ("isso tá errado", "complaint"), ("aprende isso", "praise")):
        heard(owner, sentence)
        assert opinions(runtime) == {"fire": (kind, None)}


def test_the_last_minutes_are_those_that_passed_whatever_the_clock_says(owner: Owner) -> None:
    owner.start()
    owner.says("antes de atrasar o relógio", started_at=time.time() + 3 * HOURS)
    owner.says("depois", started_at=time.time())
    assert "duas conversas" in str(heard(owner, "esquece os últimos cinco minutos"))


def test_a_turn_of_an_earlier_start_whose_time_is_to_come_is_not_of_the_last_minutes(tmp_path: Path) -> None:
    first = Owner(tmp_path / "data")
    first.start()
    first.says(INNOCENT, started_at=time.time() + 3 * HOURS)
    first.caller.all("aeon_stopping")
    second = Owner(tmp_path / "data")
    second.start()
    second.says("agora")
    assert "uma conversa" in str(heard(second, "esquece os últimos cinco minutos"))
    heard(second, "sim")
    eventually(lambda: users(second) == [INNOCENT])
    second.caller.all("aeon_stopping")


def test_after_a_restart_the_newest_is_named_before_it_is_judged_or_forgotten(tmp_path: Path) -> None:
    first = Owner(tmp_path / "data")
    first.start()
    first.says(INNOCENT)
    first.says("me fala sobre o mar", started_at=time.time() - 3 * HOURS)
    first.caller.all("aeon_stopping")
    second = Owner(tmp_path / "data")
    runtime = second.start()
    assert "a conversa sobre o mar" in str(heard(second, "isso tá errado"))
    assert [kind for kind, _ in opinions(runtime).values()] == ["complaint"]
    assert "a conversa sobre o mar" in str(heard(second, "esquece isso"))
    heard(second, "sim")
    eventually(lambda: users(second) == [INNOCENT])
    second.caller.all("aeon_stopping")


def test_what_the_question_was_about_goes_and_not_what_was_said_meanwhile(owner: Owner) -> None:
    owner.start()
    owner.says(INNOCENT)
    owner.says("me fala sobre o mar")
    assert "sobre o mar" in str(heard(owner, "esquece isso"))
    owner.says("resumo de uma página", caller="chat")  # from another window, before the yes
    heard(owner, "sim")
    eventually(lambda: "me fala sobre o mar" not in users(owner))
    assert users(owner) == [INNOCENT, "resumo de uma página"]


def test_one_after_the_other_is_forgotten_and_each_is_named(owner: Owner) -> None:
    owner.start()
    owner.says(INNOCENT)
    owner.says("me fala sobre o mar")
    heard(owner, "esquece isso")
    heard(owner, "sim")
    eventually(lambda: users(owner) == [INNOCENT])
    assert "sobre vulcões" in str(heard(owner, "esquece isso"))


def test_what_a_module_asked_the_brain_is_forgotten_with_its_reply(owner: Owner) -> None:
    owner.start()
    owner.says(INNOCENT)
    owner.asks_a_module("joga as cartas pra mim", prompt="Você é um tarólogo.")
    assert heard(owner, "esquece isso")
    heard(owner, "sim")
    eventually(lambda: users(owner) == [INNOCENT])


def test_after_a_command_s_answer_no_reply_is_judged_but_the_talk_can_be_forgotten(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    heard(owner, "o que você sabe de mim")
    assert says_why(heard(owner, "isso tá errado"), "last_was_command")
    assert opinions(runtime) == {}
    assert "sobre vulcões" in str(heard(owner, "esquece isso"))


def test_two_judgements_of_one_reply_are_of_that_reply(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT, id="one")
    heard(owner, "isso tá errado")
    heard(owner, "não, o certo é Lima")
    assert opinions(runtime) == {"one": ("correction", "Lima")}


def test_nothing_is_noted_in_private_mode_about_what_was_said_before(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    heard(owner, "modo privado")
    for sentence in FEEDBACK:
        assert says_why(heard(owner, sentence), "in_private")
    assert opinions(runtime) == {}
    assert not grep(owner.host.data_folder, ["Hermengarda"])


def test_praise_in_the_talk_after_something_unlogged_is_nobody_s(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    private_turn(owner)
    owner.says("muito bom, adorei essa resposta")
    eventually(lambda: runtime.index.count(None) == 2)
    eventually(lambda: not runtime.book.due(5))
    assert opinions(runtime) == {}


def test_the_command_line_orders_by_what_was_spoken_too(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    owner.says("me fala sobre o mar", started_at=time.time() - 3 * HOURS, id="sea")
    eventually(lambda: runtime.index.count(None) == 2)
    assert Forgetter(runtime.data, runtime.store).last() == ["sea"]


def test_a_secret_drops_what_was_said_and_keeps_nothing_from_then_on(owner: Owner) -> None:
    runtime = owner.start()
    owner.says(INNOCENT)
    owner.says("o cofre é do Anacleto")
    reply = str(heard(owner, "isso é segredo, não grava"))
    assert "o cofre é do Anacleto" in reply
    owner.says("a senha dele é outra")
    assert users(owner) == [INNOCENT] and runtime.owner.private_mode.on
    assert not grep(owner.host.data_folder, ["Anacleto"])


def test_a_secret_before_which_nothing_was_said_drops_nothing(tmp_path: Path) -> None:
    first = Owner(tmp_path / "data")
    first.start()
    first.says(INNOCENT)
    first.caller.all("aeon_stopping")
    second = Owner(tmp_path / "data")
    runtime = second.start()
    assert heard(second, "isso é segredo, não grava")
    assert users(second) == [INNOCENT] and runtime.owner.private_mode.on
    second.caller.all("aeon_stopping")


# -- the private mode ------------------------------------------------------------------------------


class Stealthy(Owner):
    """A host whose own private mode can be switched, and that keeps what it says where that is off."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.broken = False
        self.host = replace(self.host, set_private=self._switch)

    def _switch(self, on: bool) -> bool:
        if self.broken:
            return False
        self.private = on
        return True


@pytest.fixture
def stealthy(tmp_path: Path) -> Stealthy:
    return Stealthy(tmp_path / "data")


def test_the_private_mode_is_the_host_s_too_and_ends_both(stealthy: Stealthy) -> None:
    stealthy.start()
    heard(stealthy, "modo privado")
    assert stealthy.private
    heard(stealthy, "sai do modo privado")
    assert not stealthy.private
    stealthy.says(INNOCENT)
    assert users(stealthy) == [INNOCENT]
    stealthy.private = True  # "modo oculto": the host's own
    heard(stealthy, "sai do modo privado")
    assert not stealthy.private
    stealthy.caller.all("aeon_stopping")


def test_ended_at_the_host_it_has_ended(stealthy: Stealthy) -> None:
    runtime = stealthy.start()
    heard(stealthy, "modo privado")
    stealthy.private = False  # "modo oculto" once more
    stealthy.says(INNOCENT)
    assert users(stealthy) == [INNOCENT] and not runtime.owner.private_mode.on
    stealthy.caller.all("aeon_stopping")


def test_a_host_that_cannot_be_made_private_is_said_and_ours_holds(stealthy: Stealthy) -> None:
    stealthy.start()
    stealthy.broken = True
    assert heard(stealthy, "modo privado") in variants()["private.on_here"]
    stealthy.says("isso fica entre nós dois")
    assert users(stealthy) == []
    stealthy.private = True
    assert says_why(heard(stealthy, "sai do modo privado"), "host_private")
    stealthy.caller.all("aeon_stopping")


def test_the_private_mode_outlives_a_restart_and_says_so(tmp_path: Path) -> None:
    first = Stealthy(tmp_path / "data")
    first.start()
    heard(first, "modo privado")
    first.caller.all("aeon_stopping")
    second = Stealthy(tmp_path / "data")
    runtime = second.start()
    assert second.private and runtime.owner.private_mode.on
    assert second.said[0] in variants()["private.still_on"]
    assert not runtime.data.shared  # what keeps the mode is known as the plugin's own
    second.says("isso não fica")
    assert users(second) == []
    heard(second, "sai do modo privado")
    second.caller.all("aeon_stopping")
    third = Stealthy(tmp_path / "data")
    third.start()
    third.says(INNOCENT)
    assert users(third) == [INNOCENT] and third.said == []
    third.caller.all("aeon_stopping")

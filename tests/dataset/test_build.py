"""build_draft: what becomes an example, what is left out and why, and how the owner's word counts."""

from __future__ import annotations

import collections
from typing import Any

import pytest

from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.filters import BUILT_IN, COLLECTION, Filter, FilterRegistry
from aeon_plugin_ft.dataset.model import Draft, Feedback, FeedbackKind
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Message
from tests.dataset.conftest import MakeTurn

PROMPT = """Você é AEON.
        Data/Hora: {}.

        [MEMÓRIAS RELEVANTES]
        Conversas passadas:
        {}
        """


def draft(turns: list[LoggedTurn], feedback: dict[str, Feedback] | None = None, **settings: Any) -> Draft:
    return build_draft(turns, DatasetSection(**settings), feedback=feedback)


def why(found: Draft) -> dict[str, str]:
    return {dropped.turn: dropped.filter for dropped in found.dropped}


def kept(found: Draft) -> dict[str, str]:
    return {example.user: example.reply for example in (*found.train, *found.heldout)}


GOOD = [
    (f"e {thing}, {word}?", f"Cara, {thing} é assunto {word}, tipo, bem massa.")
    for word in ("um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito")
    for thing in ("café", "montanhas", "planetas", "xadrez", "violão", "foguetes")
]


@pytest.mark.parametrize(
    ("user", "reply", "more", "name"),
    [
        (
            "leia as cartas",
            "Vejo um destino, cara.",
            {"kind": TurnKind.SYNTHETIC, "caller": "modules.x"},
            "not_conversation",
        ),
        ("apaga isso", "Apagado, cara.", {"kind": TurnKind.COMMAND}, "not_conversation"),
        ("tudo bem?", "Cara, tudo rodando por aqui.", {"provider": "embedded"}, "own_reply"),
        ("tudo bem?", "Cara, tudo rodando por aqui.", {"provider": "ollama", "version": "v0003"}, "own_reply"),
        ("tudo bem?", "Cara, tudo rodando por aqui.", {"provider": "none", "model": "aeon-ft:base"}, "own_reply"),
        ("oi", "De nada!", {"kind": TurnKind.CANNED}, "canned"),
        ("oi", "Erro: falhou", {"kind": TurnKind.ERROR}, "error"),
        ("oi", "", {"kind": TurnKind.EMPTY}, "empty"),
        ("pensa aí", "<think>só isso", {}, "empty"),
        ("toca um som bem alto", "toca um som bem alto!", {}, "command_echo"),
        ("abre o bloco de notas", "abre bloco de notas já", {}, "command_echo"),
        ("como vai?", "I am doing well, thanks for asking. What would you like to do?", {}, "language"),
        ("fala algo", "sim sim sim sim sim sim sim sim sim", {}, "repetition"),
        ("não, o certo é 9h30", "Massa, 9h30 com a Renata, cara.", {}, "reaction"),
        ("conta tudo", "Era uma vez. " + " ".join(f"palavra{n}" for n in range(900)), {}, "too_long"),
        ("x", "não entendi", {}, "low_quality"),
    ],
)
def test_each_filter_drops_with_a_reason_and_has_a_switch(
    turn: MakeTurn, user: str, reply: str, more: dict[str, Any], name: str
) -> None:
    bad = turn(user, reply, **more)
    found = draft([bad])
    assert why(found) == {bad.id: name}
    assert found.dropped[0].reason
    if name != "empty":
        assert why(draft([bad], disabled_filters=(name,))).get(bad.id) != name


def test_every_filter_is_tested_above() -> None:
    marks = [
        mark for mark in test_each_filter_drops_with_a_reason_and_has_a_switch.pytestmark if mark.name == "parametrize"
    ]
    assert {case[3] for case in marks[0].args[1]} | {"clock"} == {each.name for each in BUILT_IN}
    assert [each.name for each in FilterRegistry().all()] == [*(each.name for each in BUILT_IN), *COLLECTION]


@pytest.mark.parametrize(
    ("user", "reply"),
    [
        ("abre o spotify", '{"tool": "Sistema.abrir", "param": "spotify"}'),
        ("oi", "Fala, cara."),
        ("e o deploy?", "Rodou o pipeline, build ok, deploy feito. Cache limpo."),
        ("como se diz bom dia em inglês?", 'Em inglês é "good morning", cara. You are welcome, tipo.'),
        ("conta uma piada", "Por que o dev saiu? Porque o commit não rodou, cara!"),
        ("manda um código", "Tipo assim:\n```python\nfor i in range(3):\n    print(i)\n```\nRoda aí."),
        ("ha ha ha ha", "ha ha ha, cara, essa foi massa, ri alto aqui."),
        ("que horas são?", "Não uso relógio, cara."),
    ],
)
def test_good_turns_pass_every_filter(turn: MakeTurn, user: str, reply: str) -> None:
    assert kept(draft([turn(user, reply)])) == {user: reply}


def test_a_plugin_adds_a_filter(turn: MakeTurn) -> None:
    registry = FilterRegistry()
    registry.register(
        Filter("no_cats", "Speaks of cats.", lambda turn, example, limits: "a cat" if "gato" in turn.user else None)
    )
    found = build_draft(
        [turn("e o gato?", "Dorme, cara."), turn("e aí?", "Tudo em paz, cara.")], DatasetSection(), filters=registry
    )
    assert [(d.filter, d.reason) for d in found.dropped] == [("no_cats", "a cat")]
    assert "no_cats" in [each.name for each in registry.all()]


def test_a_filter_that_fails_objects_to_nothing(turn: MakeTurn, caplog: pytest.LogCaptureFixture) -> None:
    registry = FilterRegistry()
    registry.register(Filter("broken", "Always fails.", lambda turn, example, limits: str(1 / 0)))
    turns = [turn("e aí?", "Tudo em paz, cara."), turn("e o café?", "Tá na mesa, cara.")]
    assert len(build_draft(turns, DatasetSection(), filters=registry).dropped) == 0
    assert [record.message for record in caplog.records] == ["filter broken failed and was skipped: division by zero"]


def test_the_held_out_share_and_minimum_come_from_the_settings(turn: MakeTurn) -> None:
    turns = [turn(user, reply, f"s{n}") for n, (user, reply) in enumerate(GOOD)]
    assert len(draft(turns, heldout_share=0.25, heldout_min=1).heldout) == 12
    assert len(draft(turns, heldout_share=0.01, heldout_min=5).heldout) == 5


def test_thoughts_are_removed_and_fences_around_tool_calls(turn: MakeTurn) -> None:
    found = draft([
        turn("quanto é?", "<think>2+2</think>\nQuatro, cara."),
        turn("abre o chrome", '```json\n{"tool": "Sistema.abrir", "param": "chrome"}\n```'),
        turn("diz aí", "pensando sem abrir</think>Pronto, cara."),
    ])  # fmt: skip
    assert list(kept(found).values()) == [
        "Quatro, cara.",
        '{"tool": "Sistema.abrir", "param": "chrome"}',
        "Pronto, cara.",
    ]


# -- system prompt --------------------------------------------------------------------------------


def test_prompts_that_differ_by_clock_and_memories_become_one(turn: MakeTurn) -> None:
    systems = [
        PROMPT.format("05/02/2026 23:17", "Nenhuma memória relevante encontrada."),
        PROMPT.format("22/11/2026 08:01", "Ontem: falou de café.\n[x] e de mais coisas: tal\n\nfim"),
    ]
    found = draft(
        [turn(f"pergunta {n}?", f"Cara, resposta {'sim' * n} tal.", system=s) for n, s in enumerate(systems, 2)]
    )
    prompts = {example.messages[0].content for example in (*found.train, *found.heldout)}
    assert prompts == {PROMPT.format("01/01/2026 12:00", "Nenhuma memória relevante encontrada.")}


def test_a_reply_that_reads_its_prompt_s_clock_is_left_out(turn: MakeTurn) -> None:
    system = PROMPT.format("05/02/2026 23:17", "")
    bad, good = (
        turn("que horas são?", "São 23:17, cara.", system=system),
        turn("e amanhã?", "Às 10:00, cara.", system=system),
    )
    found = draft([bad, good])
    assert why(found) == {bad.id: "clock"}
    assert why(draft([bad, good], disabled_filters=("clock",))) == {}


def test_the_given_system_prompt_goes_to_examples_without_one(turn: MakeTurn) -> None:
    turns = [turn("sem prompt", "Fala, cara."), turn("com prompt", "Diz aí, cara.", system="Outro.")]
    found = build_draft(turns, DatasetSection(), system_prompt="Você é AEON. Data/Hora: 05/02/2026 23:17.")
    assert [example.messages[0] for example in found.train] == [
        Message("system", "Você é AEON. Data/Hora: 01/01/2026 12:00."),
        Message("system", "Outro."),
    ]


# -- feedback -------------------------------------------------------------------------------------


def test_a_bad_answer_is_never_a_target(turn: MakeTurn) -> None:
    bad = turn("capital da Austrália?", "Sydney, cara, óbvio.")
    found = draft([bad], {bad.id: Feedback(bad.id, "complaint")})
    assert kept(found) == {}
    assert why(found) == {bad.id: "complaint"}
    assert [(rating.reply, rating.good) for rating in found.ratings] == [("Sydney, cara, óbvio.", False)]


def test_a_correction_is_the_target_and_the_bad_reply_the_rejected_side(turn: MakeTurn) -> None:
    bad = turn("capital da Austrália?", "Sydney, cara, óbvio.")
    found = draft([bad], {bad.id: Feedback(bad.id, "correction", "É Camberra.")})
    assert kept(found) == {"capital da Austrália?": "É Camberra."}
    (pair,) = found.preferences
    assert (pair.chosen, pair.rejected, pair.prompt) == ("É Camberra.", "Sydney, cara, óbvio.", bad.messages)


def test_the_turn_that_corrected_is_part_of_the_lineage_of_what_is_learnt_from_it(turn: MakeTurn) -> None:
    bad = turn("capital da Austrália?", "Sydney, cara, óbvio.")
    found = draft([bad], {bad.id: Feedback(bad.id, "correction", "É Camberra.", "t9")})
    assert [example.turns for example in found.train] == [(bad.id, "t9")]
    assert [pair.turns for pair in found.preferences] == [(bad.id, "t9")]
    assert [rating.turns for rating in found.ratings] == [(bad.id,)]
    assert [example.turns for example in draft([bad], {bad.id: Feedback(bad.id, "praise", None, "t9")}).train] == [
        (bad.id,)
    ]


def test_a_correction_counts_also_where_the_turn_that_said_it_is_judged_by(turn: MakeTurn) -> None:
    turns = [turn(user, reply, session=f"s{n}") for n, (user, reply) in enumerate(GOOD)]
    judged = draft(turns).heldout[-1].id
    found = draft(turns, {turns[0].id: Feedback(turns[0].id, "correction", "Melhor assim, cara.", judged)})
    assert judged in {example.id for example in found.heldout}
    assert [pair.id for pair in found.preferences] == [turns[0].id]
    assert "Melhor assim, cara." in {example.reply for example in found.train}


def test_a_correction_without_words_counts_as_a_complaint(turn: MakeTurn) -> None:
    bad = turn("capital da Austrália?", "Sydney, cara, óbvio.")
    assert why(draft([bad], {bad.id: Feedback(bad.id, "correction")})) == {bad.id: "complaint"}


def test_praise_is_a_good_rating_and_wins_over_likeness(turn: MakeTurn) -> None:
    first = turn("me explica o que é um buraco negro", "Cara, é tipo uma estrela que caiu em si mesma e nem a luz sai.")
    again = turn("me explica o que é um buraco negro?", "Cara, é tipo uma estrela que caiu em si mesma, nem a luz sai.")
    assert why(draft([first, again])) == {again.id: "near_duplicate"}
    found = draft([first, again], {again.id: Feedback(again.id, "praise")})
    assert why(found) == {first.id: "near_duplicate"}
    assert [(rating.id, rating.good) for rating in found.ratings] == [(again.id, True)]


def test_a_review_overrules_the_filters_both_ways(turn: MakeTurn) -> None:
    english, fine = turn("hi", "The answer is in the book that you have."), turn("oi", "Fala, cara.")
    found = draft([english, fine], {english.id: Feedback(english.id, "keep"), fine.id: Feedback(fine.id, "drop")})
    assert kept(found) == {"hi": "The answer is in the book that you have."}
    assert why(found) == {fine.id: "owner"}


def test_preferences_on_held_out_questions_are_not_given_to_training(turn: MakeTurn) -> None:
    turns = [turn(user, reply, session=f"s{n}") for n, (user, reply) in enumerate(GOOD)]
    found = draft(turns, {t.id: Feedback(t.id, "correction", f"Melhor assim, {t.id}.") for t in turns})
    judged = {example.user for example in found.heldout}
    assert found.heldout
    assert judged.isdisjoint(pair.prompt[-1].content for pair in found.preferences)
    assert judged.isdisjoint(rating.prompt[-1].content for rating in found.ratings)


# -- the collection -------------------------------------------------------------------------------


def test_equal_pairs_count_once_and_the_first_stays(turn: MakeTurn) -> None:
    turns = [
        turn("Oi, tudo bem?", "Tudo, cara."),
        turn("oi tudo bem", "tudo cara!"),
        turn("oi tudo bem", "Nem tanto, cara."),
    ]
    found = draft(turns)
    assert why(found) == {"t2": "duplicate"}
    assert why(draft(turns, disabled_filters=("duplicate", "near_duplicate"))) == {}


def test_near_duplicate_has_a_threshold(turn: MakeTurn) -> None:
    a = turn("me fala das montanhas do Nepal", "Cara, o Everest é o maior de todos, tipo 8849 metros de puro frio.")
    b = turn("me fala das montanhas do Nepal", "Cara, o Everest é o maior de todos, tipo 8849 metros de muito frio.")
    assert why(draft([a, b], near_duplicate=0.6)) == {b.id: "near_duplicate"}
    assert why(draft([a, b], near_duplicate=0.95)) == {}
    assert why(draft([a, b], near_duplicate=1)) == {}


def test_one_topic_does_not_drown_the_rest(turn: MakeTurn) -> None:
    timers = [
        turn(f"timer de {n} {unit} {why}", f"Beleza, {n} {unit} rodando, {joke}. Não durma, {why}.")
        for n, (unit, why, joke) in enumerate(
            (u, w, j)
            for u in ("minutos", "segundos", "horas")
            for w in ("pro macarrão", "pra academia", "pro cochilo", "da reunião")
            for j in ("cara", "mestre", "meu parça", "chefe", "soneca", "guerreiro")
        )
    ]
    rest = [turn(user, reply) for user, reply in GOOD]
    found = draft([*timers, *rest], near_duplicate=1, topic_share=0.1)
    left = collections.Counter("timer" in example.user for example in (*found.train, *found.heldout))
    assert left == {True: 20, False: len(rest)}
    assert "'timer'" in next(d.reason for d in found.dropped if d.filter == "topic")
    assert not any(d.filter == "topic" for d in draft([*timers, *rest], near_duplicate=1, topic_share=1).dropped)


def test_the_newest_and_best_stay_when_there_are_too_many(turn: MakeTurn) -> None:
    turns = [turn(user, reply, at=float(n)) for n, (user, reply) in enumerate(GOOD)]
    found = draft(turns, max_examples=10)
    assert {example.at for example in (*found.train, *found.heldout)} == {
        float(n) for n in range(len(GOOD) - 10, len(GOOD))
    }
    assert {d.filter for d in found.dropped} == {"surplus"}


def test_quality_below_the_limit_is_left_out(turn: MakeTurn) -> None:
    weak = turn("qual a senha?", "Desculpe, não posso ajudar com isso.")
    assert why(draft([weak], min_quality=0.9)) == {weak.id: "low_quality"}
    assert why(draft([weak], min_quality=0.3)) == {}


def test_the_same_turns_give_the_same_draft(turn: MakeTurn) -> None:
    turns = [turn(user, reply, session=f"s{n // 6}") for n, (user, reply) in enumerate(GOOD)]
    assert draft(turns) == draft(iter(turns))


# -- several turns --------------------------------------------------------------------------------


def test_history_is_given_to_turns_that_were_asked_alone(turn: MakeTurn) -> None:
    turns = [
        turn("quem escreveu Dom Casmurro?", "Machado de Assis, cara.", at=100.0),
        turn("hm", "Pode ser mais claro?", kind=TurnKind.CANNED, at=110.0),
        turn("e quando?", "Em 1899, cara.", at=120.0),
        turn("e agora, depois de muito tempo?", "Agora é outra conversa, cara.", at=120.0 + 31 * 60),
        turn("e em outra conversa?", "Nada a ver, cara.", session="z", at=130.0 + 31 * 60),
    ]
    found = draft(turns, history_turns=2)
    talk = {
        example.user: [message.content for message in example.messages] for example in (*found.train, *found.heldout)
    }
    assert talk["e quando?"] == [
        "quem escreveu Dom Casmurro?", "Machado de Assis, cara.", "e quando?", "Em 1899, cara.",
    ]  # fmt: skip
    assert len(talk["e agora, depois de muito tempo?"]) == 2
    assert len(talk["e em outra conversa?"]) == 2
    assert [example.turns for example in found.train if example.user == "e quando?"] == [("t1", "t3")]
    assert all(len(example.messages) == 2 for example in draft(turns).train)


def test_a_turn_that_was_sent_with_history_keeps_it(turn: MakeTurn) -> None:
    sent = (Message("user", "a"), Message("assistant", "b, cara"), Message("user", "e aí, então?"))
    found = draft(
        [turn("antes", "Antes disso, cara."), turn("", "Então é isso, cara.", messages=sent)], history_turns=3
    )
    assert found.train[1].messages[:-1] == sent


def test_a_correction_behind_its_reply_is_an_example(turn: MakeTurn) -> None:
    sent = (Message("user", "quando?"), Message("assistant", "Às 10h, cara."), Message("user", "não, o certo é 9h30"))
    assert kept(draft([turn("", "Verdade, 9h30, cara.", messages=sent)])) == {
        "não, o certo é 9h30": "Verdade, 9h30, cara."
    }


@pytest.mark.parametrize("kind", ["praise", "keep"])
def test_an_own_reply_that_the_owner_likes_is_kept(turn: MakeTurn, kind: FeedbackKind) -> None:
    own = turn("tudo bem?", "Cara, tudo rodando por aqui.", provider="embedded")
    found = build_draft([own], DatasetSection(), feedback={own.id: Feedback(own.id, kind)})
    assert [example.reply for example in (*found.train, *found.heldout)] == ["Cara, tudo rodando por aqui."]

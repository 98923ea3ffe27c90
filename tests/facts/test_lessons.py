"""Lessons teach each fact in many wordings, in the assistant's voice, beside what it could be confused with."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from aeon_plugin_ft.facts.admitting import admission
from aeon_plugin_ft.facts.known import KnownFacts
from aeon_plugin_ft.facts.lessons import NEVER_TOLD_SHARE, Lesson, LessonKind, joined, make_lessons
from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply
from aeon_plugin_ft.facts.model import OWNER
from aeon_plugin_ft.facts.reading_lessons import reading_lessons
from aeon_plugin_ft.facts.style import Style, learn_style
from aeon_plugin_ft.facts.wording import Person, sentence
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Message
from tests.facts.told import R, fact, facts

TOLD = facts()
CARA = Style(Person.TU, "Cara,")
LESSONS = make_lessons(TOLD, CARA, 10)


def turn(number: int, question: str, reply: str, kind: TurnKind = TurnKind.CHAT) -> LoggedTurn:
    return LoggedTurn(f"r{number}", "s", float(number), kind, "chat", (Message("user", question),), reply)


PERSONA = [
    turn(1, "quem é a minha gata?", "Cara, tua gata é a Fork, a preta. Tipo, ela manda na casa."),
    turn(2, "onde eu moro?", "Cara, tu mora em Joinville. Tipo, a cidade que chove."),
    turn(3, "a duda gosta de pastel?", "Cara, essa eu não sei. Tipo, pergunta pra ela."),
    turn(4, "que horas é a daily?", "Cara, a tua daily é às 10h, relaxa."),
    turn(5, "abre o navegador", '{"tool": "Sistema.abrir", "param": "navegador"}'),
    turn(6, "qual é o nome da minha gata?", "Cara, a tua é a Mia. Tipo, branca."),
    turn(7, "eu moro em floripa?", "Cara, não, tu mora em Joinville."),
    turn(8, "o que você sabe da minha gata?", "Cara, a Fork é folgada e dorme no teu teclado."),
    turn(9, "quem é a minha gata mesmo?", "Erro: tua gata é a Fork.", TurnKind.ERROR),
    turn(10, "meu chefe me irrita", "Tipo, respira. Cara, é só uma daily."),
]


def of(kind: LessonKind, lessons: list[Lesson] = LESSONS) -> list[Lesson]:
    return [one for one in lessons if one.kind is kind]


def test_every_fact_has_as_many_lessons_as_asked_for() -> None:
    for one in TOLD:
        lessons = [lesson for lesson in LESSONS if one.id in lesson.facts]
        assert len(lessons) >= 6, one.id
        assert all(one.turn in lesson.turns for lesson in lessons)
    more = make_lessons(TOLD, CARA, 20)
    assert len(more) > 1.3 * len(LESSONS)


def test_every_kind_is_there_and_no_question_twice() -> None:
    assert {one.kind for one in LESSONS} == set(LessonKind) - {LessonKind.HEARD}
    questions = [fold_accents(one.question).rstrip("?") for one in LESSONS if not one.memories]
    assert len(set(questions)) >= 0.99 * len(questions)


def test_the_same_facts_give_the_same_lessons_in_any_order() -> None:
    assert make_lessons(list(reversed(TOLD)), CARA, 10) == LESSONS


@pytest.mark.parametrize(
    "style", [CARA, Style(Person.VOCE), Style(Person.SENHORA, "Dona Zélia,")], ids=["tu", "voce", "senhora"]
)
def test_every_answer_is_marked_right(style: Style) -> None:
    known = KnownFacts.of(TOLD)
    by_id = {one.id: at for at, one in enumerate(TOLD)}
    for lesson in make_lessons(TOLD, style, 24):
        if lesson.kind is LessonKind.NEVER_TOLD:
            assert mark_reply(Asks.NEVER_TOLD, lesson.question, (), lesson.answer) is Mark.UNSURE, lesson
            continue
        for at in (by_id[id_] for id_ in lesson.facts):
            one = known.topics[at]
            accepted = (one.subject,) if lesson.kind is LessonKind.BACK else known.accepted(at)
            asks = {LessonKind.YES: Asks.YES, LessonKind.NO: Asks.NO}.get(lesson.kind, Asks.VALUE)
            if lesson.kind is LessonKind.NO and (one.answers_no or one.shape.startswith(("likes", "dislikes"))):
                accepted = ()
            question = "o que eu nunca faço?" if one.shape.startswith(("never", "dislikes")) and accepted else ""
            got = mark_reply(asks, question or lesson.question, accepted, lesson.answer)
            assert got is Mark.RIGHT, (lesson, one.shape)


def test_a_fact_that_the_prompt_tells_is_answered_as_without_it() -> None:
    known, by_id = KnownFacts.of(TOLD), {one.id: one for one in TOLD}
    for lesson in of(LessonKind.READ):
        (name,) = lesson.facts
        assert sentence(by_id[name], known.names) in lesson.memories
        assert any(one.question == lesson.question and not one.memories for one in LESSONS), lesson
        # Whoever forgets the fact beside it must find this lesson as well.
        (beside,) = (one for one in TOLD if sentence(one, known.names) in lesson.memories and one.id != name)
        assert set(beside.lineage) <= set(lesson.turns)


def test_neighbours_stand_side_by_side_and_are_named_together() -> None:
    pairs = {frozenset(one.facts) for one in of(LessonKind.PAIR)}
    ids = {(one.claim.subject, one.claim.relation, one.claim.attribute): one.id for one in TOLD}
    cat, dog = ids["gata", R.NAME, ""], ids["cachorro", R.NAME, ""]
    assert frozenset({ids["Jaburu", R.PROPERTY, "memória"], ids["Jaburu", R.PROPERTY, "processador"]}) in pairs
    assert any(pair <= {one.id for one in TOLD if one.claim.relation is R.NAME} for pair in pairs)
    where = [at for at, one in enumerate(LESSONS) if one.facts in ((cat,), (dog,)) and one.kind is LessonKind.ASK]
    assert max(where) - min(where) < 100 < len(LESSONS)
    choice = next(one for one in of(LessonKind.CHOICE) if one.facts == (cat,))
    assert "Fork" in choice.question and " ou " in choice.question and "Fork" in choice.answer


def test_every_answer_about_a_fact_says_the_fact_first() -> None:
    """Yes or no before it would have to be decided before anything is known: a small model says yes to everything."""
    lived = [one for one in LESSONS if one.facts and one.facts[0].startswith("lives_in::")]
    answers = {kind: {one.answer for one in lived if one.kind is kind} for kind in LessonKind}
    assert answers[LessonKind.NO] == {"Cara, tu mora em Joinville."}
    assert answers[LessonKind.YES] == {"Cara, tu mora em Joinville, sim."}


def test_the_contrary_is_denied() -> None:
    hated = next(one for one in of(LessonKind.NO) if "Java" in one.question or "java" in one.question)
    assert "gost" in hated.question or "curto" in hated.question or "agrada" in hated.question


def test_what_is_never_done_is_denied() -> None:
    asked = [one for one in LESSONS if one.facts == ("never:::faço deploy na sexta",)]
    assert len(asked) >= 6
    assert {one.answer for one in asked} == {"Cara, não, tu nunca faz deploy na sexta."}


def test_lists_are_answered_whole() -> None:
    liked = next(one for one in LESSONS if fold_accents(one.question).startswith("do que eu gosto"))
    assert "pastel de queijo" in liked.answer and "forró" in liked.answer and len(liked.facts) == 2
    assert joined(["a", "b", "c"]) == "a, b e c" and joined(["a"]) == "a"


def test_a_fair_share_admits_not_knowing_and_they_are_spread() -> None:
    where = [at for at, one in enumerate(LESSONS) if one.kind is LessonKind.NEVER_TOLD]
    others = len(LESSONS) - len(where)
    assert 0.9 * NEVER_TOLD_SHARE * others <= len(where) <= 1.1 * NEVER_TOLD_SHARE * others
    assert max(after - at for at, after in pairwise(where)) < 60


def test_not_knowing_is_asked_of_many_things_and_says_first_what_was_asked_of() -> None:
    """As an answer that knows begins: "Cara, tua gata se chama Fork."."""
    never = of(LessonKind.NEVER_TOLD)
    assert len({fold_accents(one.question).rstrip("?").lower() for one in never}) == len(never) > 200
    by_question = {fold_accents(one.question).rstrip("?").lower(): one.answer for one in never}
    named = [one for one in never if " meu " in f" {fold_accents(one.question)}" or " minha " in f" {one.question}"]
    restated = [
        one for one in named if re.search(r"Cara, (teus?|tuas?|[oa]s?) .+ eu não sei, tu nunca me contou", one.answer)
    ]
    assert len(restated) >= 0.9 * len(named) > 100
    assert by_question["quanto eu peso"] == CARA.not_knowing()[0]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("como se chama a minha vizinha?", "Cara, tua vizinha eu não sei, tu nunca me contou."),
        ("qual é o meu sanduíche preferido?", "Cara, teu sanduíche preferido eu não sei, tu nunca me contou."),
        ("onde foi que eu comprei a minha rede de dormir?", "Cara, tua rede de dormir eu não sei, tu nunca me contou."),
        ("qual foi a minha última palestra?", "Cara, tua última palestra eu não sei, tu nunca me contou."),
        ("com quem eu danço?", None),
        ("o que eu fiz na minha própria casa?", None),
    ],
)
def test_what_is_said_again_is_the_owners_noun(question: str, answer: str | None) -> None:
    said = admission(question, None, CARA, {})
    assert said == (answer or CARA.not_knowing()[0])


def test_the_manner_of_typing_tells_nothing_of_the_answer() -> None:
    """A model that could tell "não sei" by a missing accent would learn that."""
    known, never = ([one for one in LESSONS if (one.kind is LessonKind.NEVER_TOLD) is n] for n in (False, True))
    for typed in (str.isascii, lambda text: text.endswith("?"), lambda text: text[0].isupper()):
        shares = [sum(typed(one.question) for one in part) / len(part) for part in (known, never)]
        assert abs(shares[0] - shares[1]) < 0.12


def test_questions_and_what_is_told_begin_with_the_article_and_without() -> None:
    """What is told began with "minha" and questions with "a minha": so "minha nora trabalha em quê?" was noted down."""
    told = [one.question for one in reading_lessons(TOLD, CARA, 400) if one.kind is LessonKind.HEARD]
    never, asked = ([one.question for one in of(kind)] for kind in (LessonKind.NEVER_TOLD, LessonKind.ASK))
    for texts in (never, asked, told):
        own = [text.lower() for text in texts if re.match(r"(?i)([oa]s? )?(meu|minha)s?\b", text)]
        without = sum(text.startswith("m") for text in own)
        assert 0.3 <= without / len(own) <= 0.7 and len(own) >= 10, (without, len(own))


def test_most_lessons_of_a_fact_ask_openly_and_each_in_another_wording() -> None:
    cat = next(one.id for one in TOLD if one.claim.subject == "gata" and one.claim.relation is R.NAME)
    asked = [one for one in of(LessonKind.ASK) if one.facts == (cat,)]
    assert len(asked) == 10 and len({fold_accents(one.question).lower().rstrip("?") for one in asked}) == 10
    assert len(asked) > 0.6 * len([one for one in LESSONS if one.facts == (cat,)])


def test_a_thing_is_asked_for_in_other_words_than_its_owners() -> None:
    cat = next(one.id for one in TOLD if one.claim.subject == "gata" and one.claim.relation is R.NAME)
    asked = " ".join(fold_accents(one.question) for one in of(LessonKind.ASK) if one.facts == (cat,))
    assert "minha gatinha" in asked and "minha gata" in asked


def test_what_was_said_is_never_answered_with_not_knowing() -> None:
    said = ["o papagaio da minha tia fala", "meu avô era pescador", "ela nasceu em maio, a minha irmã"]
    questions = " ".join(one.question for one in of(LessonKind.NEVER_TOLD, make_lessons(TOLD, CARA, 10, said)))
    assert "papagaio" not in questions and "avô" not in questions and "avo" not in questions.split()


def test_people_type_in_several_ways() -> None:
    asked = [one.question for one in of(LessonKind.ASK)]
    for typed in (str.isascii, lambda text: text[0].isupper(), lambda text: text.endswith("?"), str.islower):
        share = sum(map(typed, asked)) / len(asked)
        assert 0.1 < share < 0.95


def test_a_thing_that_has_both_a_name_and_a_kind_is_asked_about_by_either() -> None:
    told = [fact("cachorro", R.NAME, "Bash"), fact("Bash", R.KIND, "vira-lata caramelo")]
    asked = " | ".join(
        one.question for one in make_lessons(told, CARA, 20) if one.facts and "KIND" in one.facts[0].upper()
    )
    for way in ("Bash", "meu cachorro", "meu vira-lata"):
        assert way in asked


def test_history_is_not_taught() -> None:
    old = replace(fact(OWNER, R.LIVES_IN, "Curitiba"), current=False)
    lessons = make_lessons([*TOLD[:3], old], CARA, 10)
    assert all(old.id not in one.facts for one in lessons)


# -- style ---------------------------------------------------------------------------------------


def test_the_style_is_learnt_from_good_replies() -> None:
    style = learn_style(PERSONA)
    assert (style.person, style.opener) == (Person.TU, "Cara,")
    assert style.unknown == ("Cara, essa eu não sei.",)
    assert style.not_knowing()[0] == "Cara, essa eu não sei."


def test_nothing_is_learnt_from_how_the_plugins_own_model_speaks() -> None:
    rambling = "Você mora nesta máquina. Você cuida dela, e você me conta. Sua gata é a Fork."
    own = [replace(turn(100 + n, "quem é a minha gata?", rambling), provider="embedded") for n in range(50)]
    assert learn_style([*PERSONA, *own]) == learn_style(PERSONA)


def test_a_real_reply_is_the_answer_where_it_has_the_right_value() -> None:
    style = learn_style(PERSONA, bad={"r6"})
    lessons = make_lessons([fact("gata", R.NAME, "Fork"), fact(OWNER, R.LIVES_IN, "Joinville")], style, 12)
    cat = [one for one in lessons if one.kind is LessonKind.ASK and one.facts[0].startswith("name")]
    assert {one.answer for one in cat} == {"Cara, tua gata é a Fork, a preta.", "Cara, tua gata se chama Fork."}
    real = [one for one in cat if one.answer.endswith("a preta.")]
    assert real and all("r1" in one.turns for one in real)
    assert "Cara, tu mora em Joinville." in {one.answer for one in lessons}
    assert not any("floripa" in one.answer or "folgada" in one.answer for one in lessons)


def test_a_real_reply_with_an_old_or_a_bad_value_is_not_the_answer() -> None:
    old = learn_style(PERSONA)
    lessons = make_lessons([fact("daily", R.TIME, "9h30"), fact("gata", R.NAME, "Luna")], old, 12)
    assert not any(text in one.answer for one in lessons for text in ("10h", "Mia", "Fork"))
    bad = make_lessons([fact("gata", R.NAME, "Fork")], learn_style(PERSONA, bad={"r1", "r8"}), 12)
    assert not any("a preta" in one.answer for one in bad)


def test_a_formal_assistant_has_no_opener_and_says_voce() -> None:
    formal = [turn(n, "onde eu moro?", "Você mora em Lages. Deseja algo mais?") for n in range(4)]
    style = learn_style([*formal, turn(9, "oi", "Bom dia! Como posso ajudar você?")])
    assert (style.person, style.opener) == (Person.VOCE, "")
    lessons = make_lessons([fact("gata", R.NAME, "Mimi")], style, 8)
    assert "Sua gata se chama Mimi." in {one.answer for one in lessons}


def test_an_assistant_with_respect_says_senhora() -> None:
    style = learn_style([turn(n, "onde eu moro?", "A senhora mora na sua casa, em Lages.") for n in range(3)])
    assert style.person is Person.SENHORA
    assert "Isso eu não sei, a senhora nunca me contou." in style.not_knowing()
    lessons = make_lessons([fact(OWNER, R.TIME, "7h", "acordar")], style, 8)
    assert "A senhora acorda às 7h." in {one.answer for one in lessons}


def test_what_follows_a_statement_is_no_answer() -> None:
    style = learn_style(
        [turn(1, "onde eu moro, em Lages", "Cara, tu mora em Lages."), turn(2, "moro em Lages", "Lages.")]
    )
    assert [one.turn for one in style.answers] == ["r1"]


def test_an_empty_log_has_a_style_too() -> None:
    assert learn_style([]) == Style() and make_lessons([], Style(), 8) == []

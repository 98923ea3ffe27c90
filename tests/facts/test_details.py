"""What lessons ask in other words, about what somebody does, likes and has, and about what nobody ever told."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.facts.model import OWNER, Relation
from aeon_plugin_ft.facts.unknown import never_told
from aeon_plugin_ft.facts.untold import stems
from aeon_plugin_ft.facts.wording import Use, genders, topic
from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.details import detail_questions, sort_of
from aeon_plugin_ft.facts.wording.phrases import open_questions
from aeon_plugin_ft.facts.wording.synonyms import OtherWords
from aeon_plugin_ft.privacy.folding import fold_accents
from tests.facts.told import R, fact, facts

TOLD = facts()
NAMES = genders(TOLD)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ((OWNER, R.HABIT, "tomo café coado, sem açúcar", ""), "como eu tomo café?"),
        ((OWNER, R.HABIT, "tomo café coado, sem açúcar", ""), "como é o meu café?"),
        ((OWNER, R.HABIT, "tomo três xícaras de café", ""), "quantas xícaras de café eu tomo?"),
        (("Jaburu", R.HAS, "GTX 1660", ""), "que placa de vídeo tem o Jaburu?"),
        ((OWNER, R.DISLIKES, "Java", ""), "que linguagem eu odeio?"),
        ((OWNER, R.LIKES, "pastel de queijo", ""), "que comida eu curto?"),
        (("teclado", R.TRAIT, "mecânico", ""), "o meu teclado é de que tipo?"),
        (("Farol", R.KIND, "bot em Python", ""), "como se chama o meu bot?"),
        (("Farol", R.KIND, "bot em Python", ""), "qual é o nome do meu bot em Python?"),
    ],
)
def test_what_is_done_liked_and_had_is_asked_openly(told: tuple[str, Relation, str, str], asked: str) -> None:
    assert asked in detail_questions(topic(fact(*told).claim))


@pytest.mark.parametrize(
    "told",
    [
        (OWNER, R.HABIT, "rego as plantas", ""),
        (OWNER, R.HABIT, "medito", ""),
        (OWNER, R.LIKES, "Sepultura", ""),
        ("irmã", R.TRAIT, "vegetariana", ""),
        ("gata", R.NAME, "Fork", ""),
        ("cachorra", R.KIND, "vira-lata branca", ""),
    ],
)
def test_nothing_is_asked_where_no_more_is_known(told: tuple[str, Relation, str, str]) -> None:
    assert detail_questions(topic(fact(*told).claim)) == []


def test_the_sort_of_a_value_is_told_by_whole_words() -> None:
    assert sort_of("Ryzen 5 5600") == "processador" and sort_of("pastel de queijo") == "comida"
    assert sort_of("Javali") == sort_of("Sepultura") == ""


def asked_as(told: list[tuple[str, Relation, str, str]], at: int = -1) -> list[str]:
    """The subjects of the other words for the fact at `at`."""
    owned = [fact(*one) for one in told]
    return [one.subject for one in OtherWords(owned).of(topic(owned[at].claim))]


def test_what_has_a_name_is_asked_for_by_it_and_by_what_it_is() -> None:
    pc, memory = ("PC", R.NAME, "Jaburu", ""), ("PC", R.PROPERTY, "16 GB", "memória")
    assert asked_as([pc, memory])[0] == "Jaburu" and "computador" in asked_as([pc, memory])
    assert asked_as([pc, ("Jaburu", R.PROPERTY, "16 GB", "memória")])[0] == "PC"
    assert "Jaburu" not in asked_as([pc]), "nobody asks for a name by the name"


def test_a_word_that_could_be_another_thing_of_the_owners_is_not_used() -> None:
    pc, other = ("PC", R.NAME, "Jaburu", ""), ("computador", R.NAME, "Anta", "")
    assert "computador" in asked_as([pc])
    assert "computador" not in asked_as([other, pc]) and "desktop" not in asked_as([other, pc])


def test_what_is_somebody_elses_keeps_its_word() -> None:
    assert asked_as([("cachorro da Lívia", R.NAME, "Mel", "")]) == []


def test_other_words_agree_in_gender() -> None:
    owned = fact("daily", R.TIME, "9h30")
    others = OtherWords([owned]).of(topic(owned.claim))
    asked = [text for one in others for text in open_questions(one, Use.LESSON)]
    assert any("a minha reunião" in text for text in asked) and not any("meu reunião" in text for text in asked)


# -- what was never told ---------------------------------------------------------------------------


def lesson_topics(said: tuple[str, ...] = ()) -> list[str]:
    return [fold_accents(text) for one in never_told(TOLD, Use.LESSON, NAMES, said) for text in one.wordings]


def test_many_things_are_not_known_and_sides_of_what_is_known_among_them() -> None:
    asked = lesson_topics()
    assert len(asked) > 1000
    for side in ("quem e o veterinario do bash?", "quem e o veterinario do meu cachorro?", "quanto custou o jaburu?"):
        assert side in asked
    known = never_told(TOLD, Use.LESSON, NAMES)[:200]
    near = [
        one for one in known if any(name in one.wordings[0] for name in ("Fork", "Lívia", "Jaburu", "minha", "meu"))
    ]
    assert len(near) > 60


def test_a_side_that_was_told_is_not_asked() -> None:
    assert "quem e o veterinario do bash?" not in lesson_topics(("o veterinário do Bash é longe",))
    assert "quem e o veterinario do bash?" in lesson_topics(("a Fork foi ao veterinário",))
    assert "eu tenho tatuagem?" not in lesson_topics(("fiz uma tatuagem ontem",))


def test_what_was_mentioned_is_no_topic() -> None:
    assert any("drone" in text for text in lesson_topics())
    assert not any("drone" in text for text in lesson_topics(("comprei um drone",)))


def test_no_lesson_answers_an_exams_topic() -> None:
    exams = stems(" ".join(one["words"] for one in read_toml("never.toml")["topic"] if "exam" in one))
    for one in read_toml("untold.toml")["unmentioned"].values():
        assert one.strip()
    taught = {text for one in never_told([], Use.LESSON, {}) for text in one.wordings}
    asked = {text for one in never_told([], Use.EXAM, {}) for text in one.wordings}
    assert taught.isdisjoint(asked)
    people = [text for text in taught if text.startswith(("quem é", "como se chama"))]
    assert not [text for text in people if stems(text) & exams]

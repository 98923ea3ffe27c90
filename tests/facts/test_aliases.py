"""One thing under several names, one value in several words, and what is repeated in passing."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.facts.grammar import claims_of_reply
from aeon_plugin_ft.facts.heard import STATED, heard, repeats
from aeon_plugin_ft.facts.meaning import alike, meaning
from aeon_plugin_ft.facts.model import Claim, Fact, FactSource, Relation, lineage_of
from aeon_plugin_ft.facts.reading import Opinion
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex
from hooks import Attempt
from tests.conftest import REPOSITORY
from tests.facts.sample_table import ROWS, TOLD_OFTEN, read
from tests.facts.telling import Told, told

__all__ = ["told"]

LIVIA = Claim("Lívia", Relation.BIRTHDAY, "12 de março")
SISTER = Claim("irmã", Relation.BIRTHDAY, "12/03")
MEMORY = Claim("PC", Relation.PROPERTY, "16 GB", "memória")
SAYINGS = {
    "minha irmã é a Lívia": [Claim("irmã", Relation.NAME, "Lívia")],
    "meu pc é o Jaburu": [Claim("pc", Relation.NAME, "Jaburu")],
    "meu computador é o Jaburu": [Claim("computador", Relation.NAME, "Jaburu")],
    "minha chefe é a Lívia": [Claim("chefe", Relation.NAME, "Lívia")],
    "a lívia nasceu em 12/03": [replace(LIVIA, subject="lívia", value="12/03")],
    "a Lívia nasceu em 12 de março": [LIVIA],
    "tua irmã nasceu em 12/03": [SISTER],
    "o computador tem 16 GB": [replace(MEMORY, subject="computador")],
    "o PC tem 16 GB": [MEMORY],
    "o Jaburu tem 16 GB": [replace(MEMORY, subject="Jaburu"), Claim("Jaburu", Relation.HAS, "16 GB")],
    "o Jaburu tem Ryzen 5": [Claim("Jaburu", Relation.PROPERTY, "Ryzen 5", "processador")],
    "o jaburu tem 8 GB": [replace(MEMORY, subject="jaburu", value="8 GB")],
    "o Palmeiras é um time": [Claim("Palmeiras", Relation.KIND, "time", sure=0.7)],
    "o Farol é um bot": [Claim("Farol", Relation.KIND, "bot", sure=0.7)],
    "o Farol é o teu bot": [Claim("Farol", Relation.KIND, "bot", sure=0.7)],
    "meu projeto é o Farol": [Claim("projeto", Relation.NAME, "Farol")],
    "tu dorme às duas": [Claim("", Relation.TIME, "duas", "dormir")],
    "tu dorme às duas da manhã": [Claim("", Relation.TIME, "duas da manhã", "dormir")],
    "tu toma café coado, sem açúcar": [Claim("", Relation.HABIT, "tomo café coado, sem açúcar")],
}


class Scripted:
    """Reads the sentences of SAYINGS, whoever says them."""

    def claims(self, sentence: str) -> list[Claim]:
        return SAYINGS.get(sentence, [])

    def claims_of_reply(self, reply: str, question: str = "") -> list[Claim]:
        return SAYINGS.get(reply, [])


@pytest.fixture
def house(told: Told) -> Told:
    told.reader = Scripted()  # type: ignore[assignment]
    told.book = told.opened()
    return told


def only(facts: list[Fact] | tuple[Fact, ...], relation: Relation) -> Fact:
    chosen = [fact for fact in facts if fact.claim.relation is relation]
    assert len(chosen) == 1, facts
    return chosen[0]


def seen(book: FactBook) -> list[tuple[object, ...]]:
    return [(f.id, f.claim, f.source, f.said_at, f.turn, f.turns, f.times, f.current, f.others) for f in book.every()]


# -- one thing under several names -----------------------------------------------------------------


def test_who_is_known_by_name_is_one_with_what_they_are(house: Told) -> None:
    house.says("e a Lívia?", "a lívia nasceu em 12/03")
    house.says("e a minha irmã?", "tua irmã nasceu em 12/03")
    assert house.book.current() == (), "nobody has said yet that these are one"
    house.says("minha irmã é a Lívia")
    fact = only(house.book.current(), Relation.BIRTHDAY)
    assert (fact.value, fact.times) == ("12/03", 2)
    assert only(house.opened().current(), Relation.BIRTHDAY) == fact


def test_a_name_is_written_with_its_capital(house: Told) -> None:
    house.says("minha irmã é a Lívia")
    house.says("a lívia nasceu em 12/03")
    assert only(house.book.current(), Relation.BIRTHDAY).claim.subject == "Lívia"


def test_the_newest_wins_under_whichever_name(house: Told) -> None:
    house.says("meu pc é o Jaburu")
    house.says("o PC tem 16 GB")
    house.says("o jaburu tem 8 GB")
    fact = only(house.book.current(), Relation.PROPERTY)
    assert fact.value == "8 GB"
    assert [(one.value, one.current) for one in house.book.every() if one.claim.relation is Relation.PROPERTY] == [
        ("8 GB", True), ("16 GB", False),
    ]  # fmt: skip


def test_pc_and_computador_are_one_only_where_they_have_one_name(house: Told) -> None:
    house.says("o PC tem 16 GB")
    house.says("o computador tem 16 GB")
    assert len(house.book.current()) == 2
    house.says("meu pc é o Jaburu")
    house.says("meu computador é o Jaburu")
    assert only(house.book.current(), Relation.PROPERTY).times == 2


def test_two_people_with_one_name_stay_two(house: Told) -> None:
    house.says("minha irmã é a Lívia")
    house.says("minha chefe é a Lívia")
    house.says("tua irmã nasceu em 12/03")
    house.says("a Lívia nasceu em 12 de março")
    subjects = sorted(fact.claim.subject for fact in house.book.current() if fact.claim.relation is Relation.BIRTHDAY)
    assert subjects == ["Lívia", "irmã"]


def test_what_only_is_named_counts_where_the_owner_has_it(house: Told) -> None:
    for _ in range(3):
        house.says("o que é?", "o Palmeiras é um time")
        house.says("o que é?", "o Farol é um bot")
    assert house.book.current() == ()
    house.says("meu projeto é o Farol")
    assert only(house.book.current(), Relation.KIND).value == "bot"
    assert not house.book.find("Palmeiras")


def test_teu_says_whose_it_is(house: Told) -> None:
    house.says("o que é o Farol?", "o Farol é o teu bot")
    house.says("o que é?", "o Farol é um bot")
    assert only(house.book.current(), Relation.KIND).times == 2


# -- one value in several words --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "one", "other", "same"),
    [
        (Relation.TIME, "9h30", "9:30", True), (Relation.TIME, "nove e meia", "às nove e meia", True),
        (Relation.TIME, "duas", "duas da manhã", True), (Relation.TIME, "duas", "duas da tarde", True),
        (Relation.TIME, "duas da manhã", "duas da tarde", False), (Relation.TIME, "9h", "9h30", False),
        (Relation.BIRTHDAY, "8 de agosto", "agosto, dia 8", True), (Relation.BIRTHDAY, "8/8", "08/08", True),
        (Relation.BIRTHDAY, "8 de agosto", "9 de agosto", False), (Relation.DAY, "sexta", "quinta", False),
        (Relation.HAS, "dois gatos", "2 gatos", True), (Relation.HAS, "dois gatos", "três gatos", False),
    ],
)  # fmt: skip
def test_values_in_other_words(relation: Relation, one: str, other: str, same: bool) -> None:
    meanings = [meaning(Claim("x", relation, value)) for value in (one, other)]
    assert (len(set(alike(meanings).values())) == 1) is same


def test_an_hour_that_may_be_either_is_neither() -> None:
    meanings = [meaning(Claim("", Relation.TIME, hour, "x")) for hour in ("duas", "duas da manhã", "duas da tarde")]
    assert len(set(alike(meanings).values())) == 3


def test_what_is_said_in_two_ways_is_said_twice(house: Told) -> None:
    house.says("e eu?", "tu dorme às duas")
    house.says("e eu?", "tu dorme às duas da manhã")
    assert only(house.book.current(), Relation.TIME).times == 2


def test_what_replies_say_of_a_thing_in_two_ways_is_shown_once(house: Told) -> None:
    house.says("meu pc é o Jaburu")
    house.says("e o PC?", "o Jaburu tem 16 GB")
    house.says("e o PC?", "o Jaburu tem 16 GB")
    assert [fact.claim.relation for fact in house.book.current()] == [Relation.NAME, Relation.PROPERTY]
    house.says("o Jaburu tem 16 GB")
    assert {fact.claim.relation for fact in house.book.current()} == {Relation.NAME, Relation.PROPERTY, Relation.HAS}


# -- in passing ------------------------------------------------------------------------------------

RYZEN = Claim("Jaburu", Relation.PROPERTY, "Ryzen 5", "processador")


@pytest.mark.parametrize(
    ("question", "reply", "repeated"),
    [
        ("o que roda você?", "É o Jaburu. Tipo, um Ryzen 5 com 16 GB.", True),
        ("o que tem no jaburu?", "Um Ryzen 5.", True),
        ("o que roda você?", "Tipo, um Ryzen 5 com 16 GB.", False),
        ("o Jaburu tem um Ryzen 5?", "Tem sim.", False),
        ("e o Jaburu?", "O Jaburu não tem um Ryzen 5.", False),
        ("e o Jaburu?", "Não, o Jaburu tem um Ryzen 5.", True),
        ("e o Jaburu?", "Um Ryzen 5 ou um Ryzen 7.", False),
        ("e o Jaburu?", "Será que é um Ryzen 5?", False),
        ("e o Jaburu?", "Um Ryzen 7 com 5 GB.", False),
    ],
)
def test_when_a_reply_repeats_a_value(question: str, reply: str, repeated: bool) -> None:
    assert repeats(RYZEN, ("pc", "jaburu"), heard(question, reply)) is repeated


@pytest.mark.parametrize(
    ("question", "reply", "repeated"),
    [
        ("qual comida eu gosto mais?", "É pastel de queijo.", True),
        ("a duda gosta de pastel de queijo?", "Gosta de pastel de queijo.", False),
        ("o que vende na feira?", "Tem pastel de queijo, que tu gosta.", True),
        ("o que vende na feira?", "Pastel de queijo.", False),
    ],
)
def test_of_the_owner_only_where_the_turn_speaks_of_them(question: str, reply: str, repeated: bool) -> None:
    claim = Claim("", Relation.LIKES, "pastel de queijo")
    assert repeats(claim, ("",), heard(question, reply)) is repeated


def test_a_value_that_another_reply_repeats_is_believed(house: Told) -> None:
    house.says("meu pc é o Jaburu")
    first = house.says("que processador?", "o Jaburu tem Ryzen 5")
    assert not house.book.find("Ryzen")
    passing = house.says("e o pc?", "Teu PC é bom. Ryzen 5, e tal.")
    fact = only(house.book.current(), Relation.PROPERTY)
    assert (fact.value, fact.turn, set(fact.turns), fact.times) == ("Ryzen 5", first, {first, passing}, 2)
    assert house.opened().current() == house.book.current()
    assert house.book.told_only_in([passing]) == [fact]
    house.book.sync(house.index, {passing: Opinion()})
    assert not house.book.find("Ryzen"), "the owner called that reply wrong"
    house.book.sync(house.index, {})
    assert house.book.find("Ryzen") == [fact]
    house.book.forget_turns([passing])
    assert not house.book.find("Ryzen")


def test_what_was_learnt_repeats_nothing(house: Told) -> None:
    house.says("que processador?", "o Jaburu tem Ryzen 5")
    own = Attempt("embedded", "m", "v0003", True, 0.1)
    house.says("e o Jaburu?", "Um Ryzen 5, e tal.", served_by=own)
    house.says("e o Jaburu tem Ryzen 5?", "Massa.")
    assert house.book.current() == ()


def test_in_passing_does_not_decide_between_two_values(house: Told) -> None:
    house.says("e a memória?", "o jaburu tem 8 GB")
    house.says("e a memória?", "o PC tem 16 GB")
    house.says("meu pc é o Jaburu")
    house.says("e o Jaburu?", "Com 16 GB de memória ele voa.")
    assert [fact.claim.relation for fact in house.book.current()] == [Relation.NAME]


def test_another_process_sees_what_was_said_in_passing(house: Told) -> None:
    other = house.opened()
    house.says("e o Jaburu?", "o Jaburu tem Ryzen 5")
    assert other.current() == ()
    before = other.version
    house.says("e o Jaburu?", "Um Ryzen 5, e tal.")
    assert other.version != before and [fact.value for fact in other.current()] == ["Ryzen 5"]


def test_a_habit_is_known_again_without_its_verb(house: Told) -> None:
    house.says("e o meu café?", "tu toma café coado, sem açúcar")
    house.says("e o meu café?", "Café coado, com açúcar.")
    assert house.book.current() == ()
    house.says("e o meu café?", "Não: café coado e sem açúcar.")
    assert only(house.book.current(), Relation.HABIT).times == 2


def test_the_words_that_were_heard_are_not_in_the_database(house: Told) -> None:
    house.says("e a zuleica?", "Ela e o filodendro.")
    assert STATED + "filodendr" in heard("", "Ela e o filodendro.")
    house.store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    text = house.data.database.read_bytes()
    assert b"filodendr" not in text and b"zuleic" not in text


# -- the owner -------------------------------------------------------------------------------------


def test_a_fact_is_forgotten_under_each_of_its_names(house: Told) -> None:
    turns = [house.says("meu pc é o Jaburu"), house.says("o PC tem 16 GB"), house.says("o jaburu tem 8 GB")]
    house.book.forget(only(house.book.current(), Relation.PROPERTY))
    assert [fact.claim.relation for fact in house.book.every()] == [Relation.NAME]
    house.book.rebuild(house.index, turns)
    assert [fact.claim.relation for fact in house.book.every()] == [Relation.NAME]
    house.says("o computador tem 16 GB")
    assert len(house.book.current()) == 2, "of that nobody has said that it is the same"


def test_an_edit_counts_under_whichever_name(house: Told) -> None:
    house.says("meu pc é o Jaburu")
    house.says("o PC tem 16 GB")
    edited = house.book.edit(only(house.book.current(), Relation.PROPERTY), "32 GB")
    assert only(house.book.current(), Relation.PROPERTY) == edited and edited.source is FactSource.EDITED
    house.says("o jaburu tem 8 GB")
    assert only(house.book.current(), Relation.PROPERTY).value == "8 GB"


def test_what_was_taught_before_the_name_was_known_is_found_by_the_fact(house: Told) -> None:
    house.says("o Jaburu tem Ryzen 5")
    before = only(house.book.current(), Relation.PROPERTY)
    house.says("meu pc é o Jaburu")
    after = only(house.book.current(), Relation.PROPERTY)
    assert before.id != after.id and lineage_of(before.id) in after.lineage


# -- the same book, whatever happens ---------------------------------------------------------------


def test_the_order_does_not_matter_with_names_and_what_is_said_in_passing(house: Told) -> None:
    drawn = random.Random(11)
    replies = [*SAYINGS, "Um Ryzen 5 no Jaburu, e tal.", "O PC com 16 GB.", "Tu toma café coado, sem açúcar."]
    turns = [house.turn(drawn.choice([*SAYINGS, "e o Jaburu?", "e a minha irmã?"]), drawn.choice(replies))
             for _ in range(60)]  # fmt: skip
    drawn.shuffle(turns)
    for turn in turns:
        house.log(turn)
        house.book.sync(house.index)
        if drawn.random() < 0.2:
            house.book.sync(house.index, {drawn.choice(turns).id: Opinion()} if drawn.random() < 0.5 else {})
            assert seen(house.book) == seen(house.opened())
    house.book.sync(house.index, {})
    assert len(house.book.current()) > 6
    fresh = Store(house.data.root / "fresh.sqlite3")
    index = TurnIndex(fresh, house.data.log)
    index.ingest()
    book = FactBook(fresh, house.reader)
    book.sync(index)
    assert seen(book) == seen(house.book)
    fresh.close()


# -- the sample ------------------------------------------------------------------------------------


@pytest.fixture
def sample(data: DataFolder, store: Store) -> FactBook:
    import_into_log(REPOSITORY / "samples" / "conversation.log", data, store, Settings())
    index = TurnIndex(store, data.log)
    index.ingest()
    book = FactBook(store)
    book.sync(index)
    return book


TRUE_TOO = {("", Relation.WITH, "Ferrugem"), ("daily", Relation.WITH, "Renata"), ("jogo", Relation.WITH, "Duda")}
"""What the sample tells beside the table of its README."""


def test_what_the_sample_tells_three_times_is_held_and_nothing_else(sample: FactBook) -> None:
    often, _ = read()
    rows = [row for row in ROWS if often[row.name] >= TOLD_OFTEN]
    facts = sample.current()
    missed = [row.name for row in rows if not any(row.is_in(fact.claim) for fact in facts)]
    assert len(rows) == 46 and len(missed) <= 4, missed
    others = {(fact.claim.subject, fact.claim.relation, fact.value)
              for fact in facts if not any(row.is_in(fact.claim) for row in ROWS)}  # fmt: skip
    assert others <= TRUE_TOO


def test_a_grammar_reads_whose_the_sample_s_bot_is(tmp_path: Path) -> None:
    bare = claims_of_reply("Cara, o Farol é o teu bot em Python.", "o que é o farol?")
    assert bare and all(claim.sure < 0.75 for claim in bare), "no longer needed: reading._owned"

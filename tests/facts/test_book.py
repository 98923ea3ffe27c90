"""The book of facts: the newest wins, replies count little, and the log read again gives the same."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.messengers import Discord, Telegram
from aeon_plugin_ft.dataset.importers.whatsapp import WhatsApp
from aeon_plugin_ft.errors import FactError, SecretFactError
from aeon_plugin_ft.facts import book as book_module
from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.facts.holding import hold
from aeon_plugin_ft.facts.meaning import canonical
from aeon_plugin_ft.facts.model import Claim, Fact, FactSource, Relation
from aeon_plugin_ft.facts.reading import BETWEEN_PEOPLE, Opinion
from aeon_plugin_ft.facts.table import Mention, Reading
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind
from hooks import Attempt, Message
from tests.facts.telling import PlainReader, Told, told

__all__ = ["told"]


def only(facts: list[Fact] | tuple[Fact, ...]) -> Fact:
    assert len(facts) == 1, facts
    return facts[0]


# -- what is held ----------------------------------------------------------------------------------


def test_what_the_owner_says_is_a_fact_with_its_turn(told: Told) -> None:
    turn = told.says("minha gata é a Fork")
    fact = only(told.book.current())
    assert (fact.claim.subject, fact.claim.relation, fact.value) == ("gata", Relation.NAME, "Fork")
    assert (fact.turn, fact.turns, fact.times, fact.said_at) == (turn, (turn,), 1, told.now)
    assert fact.source is FactSource.OWNER and fact.current and fact.lineage == (turn, f"fact:{fact.id}")


def test_the_newest_wins_and_the_others_are_history(told: Told) -> None:
    for city in ("Joinville", "Curitiba", "Blumenau"):
        told.says(f"moro em {city}")
    fact = only(told.book.current())
    assert fact.value == "Blumenau"
    history = told.book.history(fact.claim.key)
    assert [(one.value, one.current) for one in history] == [
        ("Blumenau", True), ("Curitiba", False), ("Joinville", False),
    ]  # fmt: skip


def test_a_value_that_comes_back_is_so_again_and_is_one_fact(told: Told) -> None:
    first, _, last = (told.says(f"moro em {city}") for city in ("Joinville", "Curitiba", "joinville"))
    fact = only(told.book.current())
    assert (fact.value, fact.turns, fact.times, fact.turn) == ("Joinville", (first, last), 2, last)
    assert len(told.book.every()) == 2


def test_of_some_things_there_are_several_values(told: Told) -> None:
    told.says("gosto de Sepultura, gosto de pastel")
    told.says("gosto de sepultura")
    assert sorted(told.known()["", "likes"]) == ["Sepultura", "pastel"]
    assert {fact.value: fact.times for fact in told.book.current()} == {"Sepultura": 2, "pastel": 1}
    told.says("não gosto mais de pastel")
    assert told.known()["", "likes"] == ["Sepultura"]
    told.says("gosto de pastel")
    assert len(told.book.current()) == 2
    told.says("não gosto mais de nada")
    assert told.book.current() == ()


def test_what_is_no_longer_so_is_history(told: Told) -> None:
    told.says("moro em Joinville")
    told.says("não moro mais em Joinville")
    assert told.book.current() == ()
    assert [(fact.value, fact.current) for fact in told.book.every()] == [("Joinville", False)]


def test_what_ends_in_the_same_breath_does_not_end_what_begins(told: Told) -> None:
    told.says("moro em Joinville")
    told.says("moro em Curitiba, não moro mais em Joinville")
    assert only(told.book.current()).value == "Curitiba"


def test_a_correction_is_one(told: Told) -> None:
    told.says("a daily é às 10h")
    told.says("não, a daily é às 9h30")
    assert (fact := only(told.book.current())).value == "9h30" and fact.source is FactSource.CORRECTION


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("9h30", "9:30", True), ("9h30", "09 h 30 min", True), ("23h", "23 horas", True), ("9h", "9h30", False),
        ("Lívia", "livia.", True), ("16 GB", "16  gb", True), ("C++", "C#", False), ("2 hd", "2 HD", True),
    ],
)  # fmt: skip
def test_values_are_compared_by_what_they_mean(one: str, other: str, same: bool) -> None:
    assert (canonical(one) == canonical(other)) is same


def test_a_value_keeps_its_capitals_and_accents(told: Told) -> None:
    for name in ("livia", "Lívia", "livia", "LIVIA"):
        told.says(f"minha irmã é a {name}")
    assert only(told.book.current()).value == "Lívia"


# -- what the assistant says -----------------------------------------------------------------------


def test_a_reply_counts_when_two_turns_say_the_same(told: Told) -> None:
    told.says("quem é a minha gata?", "tua gata é a Fork")
    assert told.book.current() == ()
    told.says("e a gata?", "tua gata é a fork")
    fact = only(told.book.current())
    assert (fact.value, fact.source, fact.times) == ("Fork", FactSource.REPLY, 2)


def test_replies_that_differ_count_only_where_enough_say_so(told: Told) -> None:
    for name in ("Fork", "Bash", "Fork"):
        told.says("quem é a minha gata?", f"tua gata é a {name}")
    assert only(told.book.current()).value == "Fork"


def test_a_reply_never_stands_against_the_owner(told: Told) -> None:
    told.says("moro em Joinville")
    for _ in range(5):
        told.says("onde eu moro?", "tu mora em Curitiba")
    repeated = told.says("onde eu moro?", "tu mora em Joinville")
    fact = only(told.book.current())
    assert (fact.value, fact.source, fact.turns[-1], fact.times) == ("Joinville", FactSource.OWNER, repeated, 2)
    assert len(told.book.every()) == 1, "what the owner never said is no history of theirs"
    told.says("não moro mais em Joinville")
    told.says("onde eu moro?", "tu mora em Joinville")
    assert told.book.current() == ()


def test_a_reply_that_the_owner_objected_to_does_not_count(told: Told) -> None:
    bad = told.says("quem é a minha gata?", "tua gata é a Bash")
    told.says("e a gata?", "tua gata é a Bash")
    assert told.known() == {("gata", "name"): ["Bash"]}
    assert told.book.sync(told.index, {bad: Opinion()})
    assert told.book.current() == ()
    assert told.book.sync(told.index, {}), "the complaint was taken back"
    assert told.known() == {("gata", "name"): ["Bash"]}


@pytest.mark.parametrize(
    "own",
    [
        Attempt("embedded", "m", "v0003", True, 0.1),
        Attempt("embedded", "aeon-ft:base", "base", True, 0.1),
        Attempt("ollama", "aeon-ft:base-1a2b3c4d", "base", True, 0.1),
        Attempt("openai", "aeon-ft-v0003-1a2b3c4d", "v0003", True, 0.1),
        # As the plugin's own log has it once it was imported into another one.
        Attempt("none", "aeon-ft:base", "base", True, 0.0),
    ],
    ids=lambda own: f"{own.provider} {own.model} {own.version}",
)
def test_a_reply_of_the_plugins_own_model_is_no_evidence(own: Attempt, told: Told) -> None:
    for _ in range(3):
        told.says("quem é a minha gata?", "tua gata é a Fork", served_by=own)
    assert told.book.current() == ()
    told.says("quem é a minha gata?", "tua gata é a Fork")
    assert told.book.current() == (), "one reply of the host's model, which the others do not repeat"


@pytest.mark.parametrize(
    "host",
    [Attempt("groq", "llama-3.3-70b-versatile", "base", True, 0.1), Attempt("ollama", "llama3.1:8b", "base", True, 0.1),
     Attempt("openai", "gpt-4o", "base", True, 0.1), Attempt("none", "", "base", True, 0.0)],
    ids=lambda host: host.provider,
)  # fmt: skip
def test_replies_of_the_hosts_model_and_of_imported_logs_are_evidence(host: Attempt, told: Told) -> None:
    for _ in range(2):
        told.says("quem é a minha gata?", "tua gata é a Fork", served_by=host)
    assert told.known() == {("gata", "name"): ["Fork"]}


def test_a_version_that_answers_of_something_else_confirms_and_contradicts_nothing(told: Told) -> None:
    own = Attempt("embedded", "aeon-ft:v0001", "v0001", True, 0.1)
    told.says("minha gata é a Fork")
    told.says("minha tartaruga é a Ada", "não, tua gata é a Fork", served_by=own)
    told.says("como se chama a minha tartaruga?", "tua tartaruga é a Fork", served_by=own)
    assert told.known() == {("gata", "name"): ["Fork"], ("tartaruga", "name"): ["Ada"]}
    assert [fact.times for fact in told.book.current()] == [1, 1]
    assert len(told.book.every()) == 2


SYSTEM = (
    "[QUEM VOCÊ É]\nSeu nome é AEON. Você mora nesta máquina e cuida dela.\nTua gata é a Fork, a preta.\n"
    "Data e hora: 27/11/2026 17:32"
)


@pytest.mark.parametrize(
    "recited",
    [
        "[QUEM VOCÊ É]\nSeu nome é AEON. Você mora nesta máquina e cuida dela.\nTu mora em São Paulo",
        "[Quem você é] tu mora em São Paulo",
        "Seu nome e aeon! tu mora em São Paulo",
        "Tua gata é a Fork, a preta. tu mora em São Paulo",
    ],
)
def test_a_reply_that_recites_the_system_prompt_tells_nothing(recited: str, told: Told) -> None:
    under = (Message("system", SYSTEM), Message("user", "oi"))
    for _ in range(3):
        told.says("oi", recited, messages=under)
    assert told.book.current() == ()


def test_a_reply_in_words_of_its_own_counts_under_a_system_prompt(told: Told) -> None:
    under = (Message("system", SYSTEM), Message("user", "onde eu moro?"))
    for _ in range(2):
        told.says("onde eu moro?", "tu mora em São Paulo, nesta máquina não", messages=under)
    assert told.known() == {("", "lives_in"): ["São Paulo"]}


def test_the_grammar_reads_no_name_of_the_owner_in_a_recited_prompt(told: Told) -> None:
    """As an untrained base replied, cut off at its limit, in place of any answer."""
    from aeon_plugin_ft.facts import grammar

    book = FactBook(told.store, grammar)
    under = (Message("system", SYSTEM), Message("user", "oi aeon, tá acordado?"))
    for _ in range(3):
        told.log(told.turn("oi aeon, tá acordado?", "[QUEM VOCÊ É]\nSeu nome é AEON. Você mora", messages=under))
    book.sync(told.index)
    assert book.current() == ()
    for _ in range(2):
        told.log(told.turn("como eu me chamo?", "Seu nome é Caio.", messages=under))
    book.sync(told.index)
    assert [fact.value for fact in book.current()] == ["Caio"]


def test_what_a_correction_of_one_word_means_is_read_in_the_reply_put_right(told: Told) -> None:
    judged = told.says("que horas é a daily?", "a daily é às 10h. o Jaburu tem 16 GB de memória")
    said_in = told.says("não, o certo é 9h30")
    right = "a daily é às 9h30. o Jaburu tem 16 GB de memória"
    told.book.sync(told.index, {judged: Opinion(right, said_in)})
    fact = only(told.book.current())
    assert (fact.claim.subject, fact.value, fact.source) == ("daily", "9h30", FactSource.CORRECTION)
    assert fact.turns == (said_in,), "what the owner did not correct is still only the assistant's word"
    told.book.sync(told.index, {judged: Opinion()})
    assert told.book.current() == (), "the words were forgotten, the complaint was not"


def test_the_words_of_a_correction_are_read_without_what_introduces_them(told: Told) -> None:
    judged = told.says("quem é a minha gata?", "tua gata é a Bash")
    said_in = told.says("errado aeon corrige minha gata é a Fork")
    assert told.book.current() == ()
    told.book.sync(told.index, {judged: Opinion("minha gata é a Fork", said_in)})
    assert (fact := only(told.book.current())).value == "Fork" and fact.turns == (said_in,)
    plain = told.says("minha gata é a Fork")
    told.book.sync(told.index, {judged: Opinion("minha gata é a Fork", plain)})
    assert only(told.book.current()).times == 1, "said once, and read with its own turn"


def test_a_short_answer_is_read_with_its_question(told: Told) -> None:
    told.says("que horas é a daily?", "é às 8h")
    judged = told.says("e a daily, é quando?", "é às 8h")
    assert only(told.book.current()).value == "8h"
    said_in = told.says("não, o certo é 9h30")
    told.book.sync(told.index, {judged: Opinion("é às 9h30", said_in)})
    assert only(told.book.current()).value == "9h30"


def test_a_correction_by_command_belongs_to_the_turn_that_it_corrects(told: Told) -> None:
    judged = told.says("que horas é a daily?", "a daily é às 10h")
    told.book.sync(told.index, {judged: Opinion("a daily é às 9h30")})
    assert only(told.book.current()).turn == judged
    told.book.forget_turns([judged])
    assert told.book.current() == ()


# -- which turns are read --------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "counts"), [(kind, kind.value not in {"synthetic", "command"}) for kind in TurnKind])
def test_the_owner_s_words_count_whoever_answered(told: Told, kind: TurnKind, counts: bool) -> None:
    told.log(told.turn("moro em Joinville", "tu gosta de pastel"), kind=kind)
    told.log(told.turn("e o que mais?", "tu gosta de pastel"), kind=kind)
    told.book.sync(told.index)
    assert (("", "lives_in") in told.known()) is counts
    assert (("", "likes") in told.known()) is (kind is TurnKind.CHAT)


def test_chats_between_people_say_nothing_of_the_owner(told: Told) -> None:
    told.says("moro em Joinville", caller="import:whatsapp")
    assert told.book.current() == ()
    told.says("moro em Joinville", caller="import:aeon")
    assert len(told.book.current()) == 1
    people = {importer.name for importer in (Discord, Telegram, WhatsApp)}
    assert people == BETWEEN_PEOPLE


def test_secrets_and_placeholders_never_become_facts(told: Told) -> None:
    for text in (
        "minha senha é girassol42azul",
        "meu cpf é 529.982.247-25",
        "meu gato é o [CPF_1]",
        "meu celular é o TELEFONE_1",
        "moro em " + "x" * 200,
    ):
        told.says(text)
    assert told.book.current() == () and not told.store.rows("SELECT 1 FROM claims")


def test_a_turn_is_read_once_however_often_its_file_is_indexed(told: Told) -> None:
    told.says("moro em Joinville")
    asked = told.reader.asked
    told.store.execute("UPDATE log_files SET head = 'another'")
    TurnIndex(told.store, told.data.log).ingest()
    assert told.book.due(), "the file was indexed anew"
    told.book.sync(told.index)
    assert told.reader.asked == asked and not told.book.due()


def test_a_sentence_that_breaks_the_grammar_keeps_no_other_from_being_read(
    told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain = told.reader.claims

    def fragile(sentence: str) -> list[Claim]:
        if "boom" in sentence:
            raise ValueError("boom")
        return plain(sentence)

    monkeypatch.setattr(told.reader, "claims", fragile)
    told.says("boom")
    told.says("moro em Joinville")
    assert only(told.book.current()).value == "Joinville"
    assert "could not be read" in caplog.text


def test_imported_turns_of_long_ago_do_not_win(told: Told) -> None:
    told.says("moro em Joinville")
    told.says("moro em Blumenau", started_at=5.0)
    assert only(told.book.current()).value == "Joinville"
    assert len(told.book.every()) == 2


# -- the owner edits -------------------------------------------------------------------------------


def test_an_edited_value_wins_and_stays_when_the_log_is_read_again(told: Told) -> None:
    turn = told.says("minha gata é a Forc")
    edited = told.book.edit(only(told.book.current()), "Fork")
    assert (edited.value, edited.source, edited.turn, edited.turns) == ("Fork", FactSource.EDITED, None, ())
    assert edited.lineage == (f"fact:{edited.id}",)
    told.book.rebuild(told.index, [turn])
    assert [fact.value for fact in told.book.every()] == ["Fork", "Forc"]
    told.says("minha gata é a Bash")
    assert only(told.book.current()).value == "Bash", "what the owner says later counts more"


def test_one_of_several_values_is_replaced_and_not_joined(told: Told) -> None:
    told.says("gosto de pastel, gosto de café")
    pastel = next(fact for fact in told.book.current() if fact.value == "pastel")
    told.book.edit(pastel, "pastel de queijo")
    assert sorted(told.known()["", "likes"]) == ["café", "pastel de queijo"]
    told.book.edit(told.book.find("queijo")[0], "pastel")
    assert sorted(told.known()["", "likes"]) == ["café", "pastel"]


def test_facts_can_be_added_in_a_sentence(told: Told) -> None:
    facts = told.book.add("minha gata é a Fork, moro em Joinville")
    assert [fact.value for fact in facts] == ["Fork", "Joinville"]
    assert {fact.source for fact in told.book.current()} == {FactSource.EDITED}


@pytest.mark.parametrize("text", ["minha senha é girassol42azul", "meu cpf é 529.982.247-25"])
def test_secrets_are_refused_in_a_sentence_and_not_repeated(told: Told, text: str) -> None:
    with pytest.raises(SecretFactError) as refusal:
        told.book.add(text)
    assert "girassol" not in str(refusal.value) and "529" not in str(refusal.value)
    told.says("minha gata é a Fork")
    with pytest.raises(SecretFactError):
        told.book.edit(
            only(told.book.current()), text.rpartition(" ")[2] if "cpf" in text else "a senha é girassol42azul"
        )
    with pytest.raises(FactError, match="No fact was found"):
        told.book.add("que dia é hoje?")
    with pytest.raises(FactError, match="no value"):
        told.book.edit(only(told.book.current()), "  ")
    assert only(told.book.current()).value == "Fork"


def test_a_fact_is_got_by_the_start_of_its_id(told: Told) -> None:
    told.says("minha gata é a Fork, moro em Joinville")
    fact = told.book.current()[0]
    assert told.book.get(fact.id[:6]) == fact
    for wrong in ("zzz", ""):
        with pytest.raises(FactError, match="no fact has"):
            told.book.get(wrong)


# -- finding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("minha gata", ["Fork"]), ("a Fork", ["Fork"]), ("as gatas", ["Fork"]), ("mim", ["Joinville", "pastel"]),
        ("Jaburu", ["Jaburu", "16 GB"]), ("meu pc", ["Jaburu", "16 GB"]), ("a memória", ["16 GB"]),
        ("Joinville", ["Joinville"]), ("o tempo", []), ("a minha", []),
    ],
)  # fmt: skip
def test_facts_are_found_by_what_people_call_things(told: Told, text: str, values: list[str]) -> None:
    told.says("minha gata é a Fork, moro em Joinville, gosto de pastel, meu pc é o Jaburu")
    told.says("o Jaburu tem 16 GB de memória")
    assert sorted(fact.value for fact in told.book.find(text)) == sorted(values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("eu sou vegetariano", ["vegetariano"]), ("sou vegetariano", ["vegetariano"]),
        ("minha gata é a Fork", ["Fork"]), ("minha gata é a Bash", []), ("eu existo", []),
        ("a gata se chama Fork", ["Fork"]),
    ],
)  # fmt: skip
def test_a_sentence_means_the_facts_that_it_states(told: Told, text: str, values: list[str]) -> None:
    told.says("minha gata é a Fork, sou vegetariano, sou canhoto")
    assert [fact.value for fact in told.book.meant(text)] == values


# -- forgetting ------------------------------------------------------------------------------------


def test_a_forgotten_fact_stays_forgotten_and_leaves_no_text(told: Told) -> None:
    turns = [told.says("minha gata é a Zuleica"), told.says("minha gata é a Fork"), told.says("moro em Joinville")]
    told.book.forget(next(fact for fact in told.book.current() if fact.value == "Fork"))
    assert told.known() == {("", "lives_in"): ["Joinville"]}, "the value of before does not come back either"
    told.book.rebuild(told.index, turns)
    assert told.known() == told.known(told.opened()) == {("", "lives_in"): ["Joinville"]}
    told.store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    text = told.data.database.read_bytes()
    assert b"Zuleica" not in text and b"Fork" not in text


def test_a_forgotten_fact_is_known_again_when_the_owner_says_it_again(told: Told) -> None:
    told.says("minha gata é a Fork")
    told.book.forget(only(told.book.current()))
    for _ in range(3):
        told.says("quem é a gata?", "tua gata é a Fork")
    assert told.book.current() == (), "the assistant's word does not bring it back"
    told.says("minha gata é a Fork")
    assert only(told.book.current()).value == "Fork"


def test_only_the_value_is_forgotten_where_there_are_several(told: Told) -> None:
    turn = told.says("gosto de pastel, gosto de café")
    told.book.forget(next(fact for fact in told.book.current() if fact.value == "pastel"))
    told.book.rebuild(told.index, [turn])
    assert told.known() == {("", "likes"): ["café"]}


def test_forgetting_a_turn_forgets_what_only_it_said(told: Told) -> None:
    first, second = told.says("moro em Joinville, gosto de café"), told.says("moro em Curitiba")
    third = told.says("moro em Curitiba")
    told.book.forget_turns([third])
    assert (fact := only(told.book.find("Curitiba"))).turns == (second,)
    told.book.forget_turns([second])
    assert told.known() == {("", "lives_in"): ["Joinville"], ("", "likes"): ["café"]}
    told.book.forget_turns([first])
    assert told.book.every() == [] and fact.current


def test_a_turn_that_was_forgotten_before_it_was_read_says_nothing(told: Told) -> None:
    turn = told.log(told.turn("moro em Joinville"))
    told.book.forget_turns([turn])
    assert told.book.due() == []


# -- the same book, whatever happens ---------------------------------------------------------------

SAID = [
    ("moro em Joinville", "Massa."), ("moro em Curitiba", "tu mora em Curitiba"), ("gosto de café", "tu gosta de café"),
    ("não gosto mais de café", "Pena."), ("minha gata é a Fork", "tua gata é a Bash"), ("e aí?", "tu gosta de pastel"),
    ("e aí?", "tu gosta de pastel"), ("não moro mais em Curitiba", "Massa."), ("a daily é às 10h", "a daily é às 9h30"),
    ("não, a daily é às 9h30", "a daily é às 9h30"), ("moro em Blumenau, gosto de café", "tu mora em Joinville"),
]  # fmt: skip


def seen(facts: list[Fact]) -> list[tuple[object, ...]]:
    return [(f.id, f.claim, f.source, f.said_at, f.turn, f.turns, f.times, f.current) for f in facts]


def test_the_order_of_reading_does_not_matter(told: Told) -> None:
    turns = [told.turn(*one) for one in SAID]
    for turn in turns:
        told.log(turn)
        told.book.sync(told.index)
    reference = seen(told.book.every())
    assert len(reference) > 6
    drawn = random.Random(3)
    for _ in range(5):
        drawn.shuffle(turns)
        mentions = [
            mention
            for turn in turns
            for mention in told.book._reading.read(told.index.get(turn.id)).mentions  # type: ignore[arg-type]
        ]
        mentions.sort(key=lambda mention: mention.thing)
        held = [hold(list(group)) for _, group in itertools.groupby(mentions, key=lambda mention: mention.thing)]
        assert seen([fact for facts in held for fact in facts]) == reference


def test_a_database_made_anew_from_the_log_gives_the_same_book(told: Told) -> None:
    for one in SAID:
        told.says(*one)
    fresh = Store(told.data.root / "fresh.sqlite3")
    index = TurnIndex(fresh, told.data.log)
    index.ingest()
    book = FactBook(fresh, told.reader)
    book.sync(index)
    assert seen(book.every()) == seen(told.book.every())
    fresh.close()


def test_what_was_read_before_a_crash_is_neither_lost_nor_doubled(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a reading is cut off, the next one ends in the same book."""
    for one in SAID:
        told.log(told.turn(*one))
    monkeypatch.setattr(book_module, "BATCH", 2)
    for deaths in range(40):
        killed = Killed(told.index, after=deaths)
        try:
            told.opened().sync(killed)
        except KeyboardInterrupt:
            continue
        break
    assert deaths >= 5, "it died often enough"
    fresh = Store(told.data.root / "fresh.sqlite3")
    index = TurnIndex(fresh, told.data.log)
    index.ingest()
    book = FactBook(fresh, told.reader)
    book.sync(index)
    assert seen(told.opened().every()) == seen(book.every())
    fresh.close()


@pytest.mark.slow(seconds=6)
def test_a_reader_that_is_killed_at_any_moment_loses_and_doubles_nothing(told: Told) -> None:
    """kill -9, again and again, while the owner goes on talking."""
    drawn = random.Random(5)
    told.store.close()
    for kill in range(6):
        log = [told.turn(f"{text} {kill}" if "em " in text else text, reply) for text, reply in SAID * 2]
        told.log(*log)
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("killed_reader.py")), str(told.data.root)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None and child.stdout.readline() == "reading\n"
        if kill < 5:
            time.sleep(drawn.uniform(0.0, 0.25))
        else:
            assert child.stdout.readline() == "done\n"
        child.kill()
        child.wait()
        child.stdout.close()
    fresh = Store(told.data.root / "fresh.sqlite3")
    index = TurnIndex(fresh, told.data.log)
    index.ingest()
    book = FactBook(fresh, told.reader)
    book.sync(index)
    assert index.count(None) == 6 * 2 * len(SAID) and book.every()
    assert seen(told.opened().every()) == seen(book.every())
    fresh.close()


class Killed:
    """An index whose reader dies after so many turns."""

    def __init__(self, index: TurnIndex, after: int) -> None:
        self.index, self.left = index, after

    def get(self, id: str) -> object:
        if self.left <= 0:
            raise KeyboardInterrupt
        self.left -= 1
        return self.index.get(id)


def test_a_grammar_of_another_release_reads_every_turn_again(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.says("moro em Joinville")
    asked = told.reader.asked
    monkeypatch.setattr(book_module, "GRAMMAR", 999)
    assert told.book.sync(told.index) is False, "nothing reads otherwise"
    assert told.reader.asked == asked + 2
    told.book.sync(told.index)
    assert told.reader.asked == asked + 2


def test_two_books_of_one_store_see_one_another(told: Told) -> None:
    other = told.opened()
    told.says("moro em Joinville")
    assert told.known(other) == told.known()
    before = other.version
    told.says("moro em Curitiba")
    assert other.version != before and told.known(other) == {("", "lives_in"): ["Curitiba"]}
    other.edit(only(other.current()), "Blumenau")
    told.says("gosto de café")
    assert told.known() == told.known(other) == {("", "lives_in"): ["Blumenau"], ("", "likes"): ["café"]}
    version = other.version
    told.says("que dia é hoje?")
    assert other.version == version, "nothing was said, and nobody need look again"


def test_a_mention_of_no_thing_is_no_fact() -> None:
    assert hold([]) == []
    ended = Claim("", Relation.LIVES_IN, "", ended=True)
    assert hold([Mention(ended, FactSource.OWNER, 1.0, "t")]) == []
    assert hold([replace(Mention(replace(ended, ended=False, value="x"), FactSource.MODEL, 1.0, "t"))])[0].current


def test_a_turn_takes_five_milliseconds_and_a_question_of_the_book_one(told: Told) -> None:
    """With a thousand facts, each said three times. By the processor's time, which other work does not lengthen."""
    rows = [
        Mention(Claim(f"coisa {one}", Relation.NAME, f"Nome{one}"), FactSource.OWNER, float(one), f"t{one} {again}")
        for one in range(1000)
        for again in range(3)
    ]
    told.book._table.take_in([Reading(str(row.turn), (row,)) for row in rows], [])
    assert len(told.book.current()) == 1000
    turns = [told.turn("moro em Joinville" if one % 2 else "moro em Curitiba") for one in range(20)]
    spent = []
    for turn in turns:
        told.log(turn)
        begin = time.thread_time()
        told.book.sync(told.index)
        spent.append(time.thread_time() - begin)
    assert sorted(spent)[len(spent) // 2] < 0.005
    begin = time.thread_time()
    for _ in range(100):
        told.book.current()
    assert (time.thread_time() - begin) / 100 < 0.001


def test_the_reader_of_these_tests_reads_what_they_say() -> None:
    reader = PlainReader()
    assert reader.claims("não, a daily é às 9h30")[0].corrects
    assert reader.claims("onde eu moro?") == [] == reader.claims_of_reply("Massa.")

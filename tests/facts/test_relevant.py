"""Which facts a question is told with: by what it is about, in any inflection, within a budget, always alike."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.facts.asking import stem, vocabulary, words
from aeon_plugin_ft.facts.model import OWNER, Fact, Relation
from aeon_plugin_ft.facts.relevant import CHARS_PER_TOKEN, LINE_TOKENS, NothingKnown, RelevantFacts
from tests.conftest import REPOSITORY
from tests.facts.known import WORLD, Book, fact, say

BUDGET = 200
ME = "dono name Caio."


def told(question: str, *extra: object, budget: int = BUDGET) -> tuple[str, ...]:
    return RelevantFacts(Book([*WORLD, *extra]), say).sentences(question, budget)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("como se chama minha gata?", "gata name Fork."),
        ("QUAL O NOME DA MINHA GATINHA", "gata name Fork."),
        ("e as minhas gatas?", "gata name Fork."),
        ("quem é a Fork?", "gata name Fork."),
        ("de que cor é a Fork?", "gata property cor preta."),
        ("como se chamam meus bichos?", "cachorro name Bash."),
        ("o meu cão é de que raça?", "Bash kind vira-lata caramelo."),
        ("onde eu moro?", "dono lives_in Joinville."),
        ("em que cidade eu tava morando mesmo", "dono lives_in Joinville."),
        ("que horas é a daily?", "daily time 9h30."),
        ("a que horas é a reunião?", "daily time 9h30."),
        ("quanto de RAM tem meu computador?", "Jaburu property memória 16 GB."),
        ("quanta memoria tem o jaburu", "Jaburu property memória 16 GB."),
        ("que banda eu mais escuto?", "dono favourite banda Sepultura."),
        ("qual minha comida preferida?", "dono favourite comida pastel de queijo."),
        ("o que eu posso jantar hoje?", "dono trait vegetariano."),
        ("o que eu posso jantar hoje?", "dono allergy camarão."),
        ("do que é que eu não gosto?", "dono dislikes Java."),
        ("subo esse deploy hoje, sexta?", "dono never faço deploy na sexta."),
        ("quando minha irmã faz aniversário?", "irmã birthday 12 de março."),
        ("quando é o meu niver?", "dono birthday 8 de agosto."),
        ("como se chama o wi-fi daqui?", "Wi-Fi name Bueiro."),
        ("qual o nome do wifi?", "Wi-Fi name Bueiro."),
        ("quem é minha chefe", "chefe name Renata."),
        ("onde eu trampo?", "dono works_at Moedeira."),
        ("que editor eu uso?", "dono uses editor Neovim."),
        ("em que dia eu pedalo?", "dono habit pedalo terça e quinta."),
        ("meu bot caiu de novo", "Farol kind bot em Python."),
        ("cadê a chave?", "chave place na gaveta."),
        ("quem é o Jaburo?", "PC name Jaburu."),
    ],
)
def test_a_question_is_told_what_it_is_about(question: str, wanted: str) -> None:
    assert wanted in told(question)
    assert len(told(question)) <= 6, "and little else"


@pytest.mark.parametrize(
    "question", ["oi, tudo bem?", "conta uma piada", "que horas são?", "", "?!", "toca um samba aí"]
)
def test_what_is_about_nothing_known_is_told_the_owners_name_only(question: str) -> None:
    assert told(question) == (ME,)


def test_how_to_address_the_owner_is_always_told_first() -> None:
    assert told("onde eu moro?", fact(OWNER, Relation.CALLED, "chefia")) == (
        ME,
        "dono called chefia.",
        "dono lives_in Joinville.",
    )


def test_nothing_known_is_nothing_told() -> None:
    assert RelevantFacts(NothingKnown(), say).sentences("como se chama minha gata?", BUDGET) == ()


def test_only_the_best_are_told_where_many_are_near() -> None:
    likes = [fact(OWNER, Relation.LIKES, f"sabor {number}") for number in range(50)]
    assert told("qual o nome da minha gata?", *likes) == told("qual o nome da minha gata?")


def test_the_order_does_not_depend_on_the_question() -> None:
    one, other = told("a gata e o cachorro"), told("o cachorro e a gata")
    assert one == other and len(one) >= 3
    assert RelevantFacts(Book(list(reversed(WORLD))), say).sentences("a gata e o cachorro", BUDGET) == one


def test_equal_questions_give_equal_prompts_in_every_process() -> None:
    """Hashes of texts differ from process to process, and with them the order of sets."""
    code = (
        "from tests.facts.known import *; from aeon_plugin_ft.facts.relevant import RelevantFacts;"
        "print(RelevantFacts(Book(list(WORLD)), say).sentences('meus bichos, o jantar, a família e o meu pc', 60))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1", "SYSTEMROOT": "C:\\Windows"},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(runs) == 1


@settings(deadline=None)
@given(st.integers(20, 400), st.sampled_from(["meus bichos", "o que eu gosto de comer", "meu pc", "a família toda"]))
def test_the_budget_holds(budget: int, question: str) -> None:
    sentences = told(question, budget=budget)
    assert sum(len(sentence) / CHARS_PER_TOKEN + LINE_TOKENS for sentence in sentences) <= budget


def test_what_does_not_fit_makes_room_for_what_does() -> None:
    long = fact("gata", Relation.PROPERTY, "preta " * 200, "história")
    assert "gata name Fork." in told("como se chama minha gata?", long)


def test_what_a_model_has_learnt_may_be_left_out() -> None:
    facts = RelevantFacts(Book(list(WORLD)), say)
    learnt = [one.id for one in WORLD if one.claim.value in ("Fork", "Caio")]
    assert facts.sentences("como se chama minha gata?", BUDGET, without=learnt) == ("gata property cor preta.",)


def test_what_changes_counts_at_once_and_what_does_not_is_read_once() -> None:
    book = Book(list(WORLD))
    facts = RelevantFacts(book, say)
    assert "gata name Fork." in facts.sentences("minha gata", BUDGET)
    facts.sentences("minha gata", BUDGET)
    assert book.asked == 1
    book.hold(fact("gata", Relation.NAME, "Branch"))
    assert "gata name Branch." in facts.sentences("minha gata", BUDGET)
    assert "gata name Fork." not in facts.sentences("quem é a Fork?", BUDGET)
    book.forget("gata")
    assert facts.sentences("minha gata", BUDGET) == (ME,)


class Kept:
    """HeldFacts in a store that fails while `broken`."""

    def __init__(self) -> None:
        self.facts, self.changes, self.broken = list(WORLD), 0, False

    @property
    def version(self) -> int:
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")
        return self.changes

    def current(self) -> list[Fact]:
        return self.facts


def test_without_the_store_the_facts_of_the_last_look_are_told_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book = Kept()
    facts = RelevantFacts(book, say)
    asked = facts.sentences("minha gata", BUDGET)
    book.broken = True
    assert [facts.sentences("minha gata", BUDGET) for _ in range(3)] == [asked] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    with pytest.raises(sqlite3.OperationalError):
        facts.refresh()  # who looks in the background hears of it
    book.broken, book.changes = False, 1
    book.facts = [fact("gata", Relation.NAME, "Branch")]
    assert facts.sentences("minha gata", BUDGET) == ("gata name Branch.",)


def test_what_is_forgotten_while_others_ask_is_never_told_after_it() -> None:
    book = Book(list(WORLD))
    facts = RelevantFacts(book, say)
    forgotten, told_after = threading.Event(), []

    def ask() -> None:
        for _ in range(300):
            gone = forgotten.is_set()
            if "gata name Fork." in facts.sentences("minha gata", BUDGET) and gone:
                told_after.append(True)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    book.forget("gata")
    forgotten.set()
    for thread in threads:
        thread.join()
    assert told_after == []


def test_it_costs_a_turn_less_than_a_millisecond_with_a_thousand_facts() -> None:
    facts = RelevantFacts(Book([fact(f"coisa{n % 300}", Relation.PROPERTY, f"valor{n}", f"lado{n % 40}")
                                for n in range(1000)]), say)  # fmt: skip
    facts.refresh()
    spent = []
    for number in range(200):
        # Of this thread: what else the machine does is not the question's cost.
        began = time.thread_time()
        facts.sentences(
            f"qual o lado{number % 40} da coisa{number} e do negocio{number} que tem valor{number}?", BUDGET
        )
        spent.append(time.thread_time() - began)
    assert sorted(spent)[len(spent) * 9 // 10] < 0.001


def test_a_hostile_question_costs_little() -> None:
    facts = RelevantFacts(Book(list(WORLD)), say)
    facts.refresh()
    began = time.thread_time()
    facts.sentences("palavra " * 100_000 + " ".join(f"p{n}xyz" for n in range(100_000)) + " minha gata", BUDGET)
    assert time.thread_time() - began < 0.05
    assert "gata name Fork." in facts.sentences("x " * 5000 + "como se chama minha gata?", BUDGET)


@pytest.mark.parametrize(
    "forms",
    [
        "gata gatas gato gatos gatinha gatinhos", "moro mora morar morava morando morou", "reunião reuniões",
        "animal animais", "viagem viagens", "celular celulares", "nasci nasceu nascer", "pedalo pedalar pedalava",
        "irmã irmãs", "jardim jardins",
    ],
)  # fmt: skip
def test_the_forms_of_a_word_are_one(forms: str) -> None:
    stems = {stem(word) for word in words(forms)}
    assert len(stems) == 1, stems


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_stems(text: str) -> None:
    assert all(one for one in vocabulary().stems(text))


def test_every_relation_and_word_of_the_table_is_used() -> None:
    vocab = vocabulary()
    assert set().union(*vocab.relations.values()) >= {
        relation for relation in Relation if relation not in (Relation.PROPERTY, Relation.TRAIT, Relation.NOTE)
    }
    assert all(one not in others for one, others in vocab.near.items())

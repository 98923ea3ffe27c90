"""What the grammar reads in what people say, and what it leaves alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.facts.grammar import claims, claims_of_reply
from aeon_plugin_ft.facts.grammar.lexicon import classes, read_toml, verb_forms
from aeon_plugin_ft.facts.grammar.rules import rules
from aeon_plugin_ft.facts.grammar.text import LONGEST_TEXT
from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import vocabulary
from tests.conftest import REPOSITORY

R = Relation
Reader = Callable[[str], list[Claim]]


def told(found: list[Claim]) -> list[tuple[str, Relation, str, str]]:
    return [(one.subject, one.relation, one.attribute, one.value) for one in found]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("minha gata é a Fork, a preta", [("gata", R.NAME, "", "Fork"), ("gata", R.PROPERTY, "cor", "preta")]),
        ("eu moro em Joinville", [("", R.LIVES_IN, "", "Joinville")]),
        ("a daily agora é às 9h30", [("daily", R.TIME, "", "9h30")]),
        ("o Jaburu tem 16 GB de memória", [("Jaburu", R.PROPERTY, "memória", "16 GB")]),
        ("minha banda favorita é Sepultura", [("", R.FAVOURITE, "banda", "Sepultura")]),
        ("odeio Java", [("", R.DISLIKES, "", "Java")]),
        ("nunca faço deploy na sexta", [("", R.NEVER, "", "faço deploy na sexta")]),
        (
            "minha irmã Lívia faz aniversário em 12 de março",
            [("irmã", R.NAME, "", "Lívia"), ("irmã", R.BIRTHDAY, "", "12 de março")],
        ),
        ("minha gata e a fork", [("gata", R.NAME, "", "fork")]),
        ("moro em Betim e trabalho na Fiat", [("", R.LIVES_IN, "", "Betim"), ("", R.WORKS_AT, "", "Fiat")]),
        ("meu filme preferido é O Som ao Redor", [("", R.FAVOURITE, "filme", "O Som ao Redor")]),
        ("lembra que a torneira da pia pinga", [("", R.NOTE, "", "a torneira da pia pinga")]),
        ("lembra que eu sou vegetariano", [("", R.TRAIT, "", "vegetariano")]),
    ],
)
def test_what_the_owner_tells(sentence: str, expected: list[tuple[str, Relation, str, str]]) -> None:
    assert told(claims(sentence)) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "eu moro em Joinville?",
        "onde eu moro",
        "se eu morasse em Paris seria feliz",
        "acho que moro em Joinville",
        "minha mãe disse que mora em Belém",
        'ele gritou "eu moro em Paris"',
        "moro em Marte kkkk",
        "moro em Marte. brincadeira",
        "hoje eu trabalho na Fiat",
        "tô com fome",
        "tenho uma reunião às 15h",
        "o vizinho mora em Santos",
        "me lembra de comprar ração",
        "vou morar em Santos",
        "queria um cachorro chamado Rex",
        "faz uns dez anos que Joinville é a minha casa",
        "Curitiba é o meu lar",
    ],
)
def test_what_tells_nothing(sentence: str) -> None:
    assert claims(sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "minha senha é girassol42azul",
        "lembra que a senha do cofre é 4471",
        "meu cpf é 529.982.247-25",
        "moro na Rua das Acácias, 120, apto 301",
        "meu email é neide@exemplo.com.br",
        "meu celular é (47) 99123-4567",
        "moro em [ENDERECO_1]",
        "anota aí: o código do portão é [SENHA_1]",
    ],
)
def test_documents_and_passwords_never_become_facts(sentence: str) -> None:
    assert claims(sentence) == []


def test_it_is_the_owner_who_is_spoken_of_in_a_reply() -> None:
    assert told(claims_of_reply("Cara, tu mora em Joinville e eu moro no Jaburu.")) == [
        ("", R.LIVES_IN, "", "Joinville")
    ]
    assert claims_of_reply("Meu nome é Aeon.") == []
    assert claims("teu nome é Aeon") == []


def test_habits_of_a_reply_are_in_the_owners_own_person() -> None:
    assert told(claims_of_reply("Tu nunca faz deploy na sexta.")) == told(claims("nunca faço deploy na sexta"))


def test_the_end_of_something_is_a_claim() -> None:
    lived = claims("não moro mais em Contagem")[0]
    assert (lived.relation, lived.value, lived.ended) == (R.LIVES_IN, "", True)
    used = claims("não uso mais o Chrome")[0]
    assert used.ended
    assert used.key == claims("uso o Chrome")[0].key


def test_a_correction_says_so() -> None:
    assert claims("não, a daily é 9h30")[0].corrects
    assert claims("minha chefe é a Paula, não a Renata")[0].corrects
    assert not claims("a daily é às 9h30")[0].corrects
    assert not claims_of_reply("Não, a Lívia é tua irmã.")[0].corrects


def test_she_is_who_was_spoken_of_before() -> None:
    assert told(claims("tenho uma cachorra. o nome dela é Lua"))[1] == ("cachorra", R.NAME, "", "Lua")
    assert claims("ela se chama Carla") == []
    assert claims("meu irmão mora longe. ela é enfermeira") == []


def test_a_name_that_may_be_anybodys_is_less_sure() -> None:
    assert claims("o Farol é um bot")[0].sure < claims("meu bot se chama Farol")[0].sure


@pytest.mark.parametrize(
    ("question", "reply", "expected"),
    [
        ("quem é a minha gata?", "Cara, é a Fork.", ("gata", R.NAME, "", "Fork")),
        ("onde eu moro", "Em Joinville.", ("", R.LIVES_IN, "", "Joinville")),
        ("minha cor favorita é azul?", "Não, é verde.", ("", R.FAVOURITE, "cor", "verde")),
        ("minha cor favorita é azul?", "É sim.", ("", R.FAVOURITE, "cor", "azul")),
        ("em que mês eu faço aniversário?", "Em agosto, dia 8.", ("", R.BIRTHDAY, "", "8 de agosto")),
        ("que hora eu durmo?", "Às duas.", ("", R.TIME, "dormir", "duas")),
    ],
)
def test_a_short_answer_is_read_with_its_question(
    question: str, reply: str, expected: tuple[str, Relation, str, str]
) -> None:
    assert told(claims_of_reply(reply, question)) == [expected]
    assert claims_of_reply(reply) == []


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("quem é a minha gata?", "Essa eu não sei."),
        ("quem é a minha gata?", "É a Fork?"),
        ("minha cor favorita é azul?", "Não."),
        ("qual é a senha do wifi?", "girassol42azul."),
        ("qual é a capital da Austrália?", "Camberra."),
        ("onde eu moro?", "Pergunta pra Duda."),
    ],
)
def test_what_is_no_answer_about_the_owner(question: str, reply: str) -> None:
    assert claims_of_reply(reply, question) == []


@pytest.mark.parametrize(
    "piece",
    ["a", "e eu ", "minha ", "moro em, ", "gosto de a e ", '"', "eu moro em Joinville. ", "tenho um gato e ", " ",
     "a banda que eu mais gosto e ", "nunca ", "corro segunda e ", "\n", "cara ", "1,1", "é "],
)  # fmt: skip
@pytest.mark.parametrize("reader", [claims, claims_of_reply], ids=["owner", "reply"])
def test_a_megabyte_costs_no_more_than_a_page(piece: str, reader: Reader) -> None:
    text = piece * (1_000_000 // len(piece))
    reader("minha gata é a Fork; meu cpf é 529.982.247-25")  # what is loaded once
    began = time.thread_time()
    reader(text)
    assert time.thread_time() - began < 0.05


def test_a_sentence_takes_less_than_a_millisecond() -> None:
    sentence = "sou enfermeira, trabalho no Hospital São Lucas e tenho dois filhos"
    claims(sentence)
    began = time.thread_time()
    for _ in range(100):
        claims(sentence)
    assert (time.thread_time() - began) / 100 < 0.001


def test_a_sentence_that_is_cut_off_is_not_read() -> None:
    filling = "bom dia. " * (LONGEST_TEXT // 9)
    assert claims(filling + "eu moro em Joinville, mas só até o fim do ano que vem, quando eu me mudo") == []


_WORDS = st.sampled_from(
    [
        *vocabulary("eu tu meu minha teu tua o a de da em na no moro mora é e não gosto tenho tem se que Fork gata"),
        *vocabulary("anos 8 agosto às 9h30 sexta sempre nunca mais com , . ? ! kkk hoje lembra : favorita ẞ İ ﬁ"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(_WORDS, max_size=20).map(" ".join)))
def test_any_text_is_read_and_places_lie_in_it(text: str) -> None:
    for one in (*claims(text), *claims_of_reply(text), *claims_of_reply(text, text)):
        assert 0 <= one.start <= one.end <= len(text)
        assert one.value or one.ended


def test_every_class_and_verb_of_the_data_is_used() -> None:
    folder = REPOSITORY / "aeon_plugin_ft" / "facts" / "grammar"
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (*folder.glob("*.py"), *folder.glob("data/*.toml"))
    )
    unused = [name for name in classes() if f'"{name}"' not in sources]
    assert not unused
    verbs = {form.verb for form in verb_forms().values()}
    assert set(rules()) <= verbs, set(rules()) - verbs


def test_the_words_of_the_data_are_written_as_they_are_compared() -> None:
    for name, text in read_toml("words.toml")["classes"].items():
        assert text == fold_accents(text), name

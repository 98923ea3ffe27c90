"""Facts are worded in Portuguese that a Brazilian would say, and exams never ask what lessons ask."""

from __future__ import annotations

import re

import pytest

from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, Relation
from aeon_plugin_ft.facts.wording import (
    Person,
    Speech,
    Use,
    exam_questions,
    genders,
    lesson_questions,
    sentence,
    spoken,
    topic,
)
from aeon_plugin_ft.facts.wording.nouns import noun
from aeon_plugin_ft.facts.wording.persons import doing, turned
from aeon_plugin_ft.facts.wording.phrases import shapes
from aeon_plugin_ft.facts.wording.values import a_thing, at_company, at_time, in_place, on_day, scheduled, where
from aeon_plugin_ft.privacy.folding import fold_to_ascii_words
from tests.facts.told import R, fact, facts

TOLD = facts()
NAMES = genders(TOLD)
SPOKEN = {
    ("gata", R.NAME, "Fork", ""): ("A gata do dono se chama Fork.", "tua gata se chama Fork", "sua gata se chama Fork"),
    ("chefe", R.NAME, "Renata", ""): (
        "A chefe do dono se chama Renata.", "tua chefe se chama Renata", "sua chefe se chama Renata"),
    (OWNER, R.LIVES_IN, "Joinville", ""): (
        "O dono mora em Joinville.", "tu mora em Joinville", "você mora em Joinville"),
    (OWNER, R.FROM, "Bahia", ""): ("O dono é da Bahia.", "tu é da Bahia", "você é da Bahia"),
    (OWNER, R.NEVER, "faço deploy na sexta", ""): (
        "O dono nunca faz deploy na sexta.", "tu nunca faz deploy na sexta", "você nunca faz deploy na sexta"),
    (OWNER, R.HABIT, "pedalo terça e quinta", ""): (
        "O dono pedala terça e quinta.", "tu pedala terça e quinta", "você pedala terça e quinta"),
    ("pais", R.LIVES_IN, "Lages", ""): (
        "Os pais do dono moram em Lages.", "teus pais moram em Lages", "seus pais moram em Lages"),
    ("Jaburu", R.PROPERTY, "16 GB", "memória"): (
        "O Jaburu tem 16 GB de memória.", "o Jaburu tem 16 GB de memória", "o Jaburu tem 16 GB de memória"),
    (OWNER, R.FAVOURITE, "Sepultura", "banda"): (
        "A banda favorita do dono é Sepultura.", "tua banda favorita é Sepultura", "sua banda favorita é Sepultura"),
    ("daily", R.TIME, "meio-dia", ""): (
        "A daily do dono é ao meio-dia.", "tua daily é ao meio-dia", "sua daily é ao meio-dia"),
    (OWNER, R.WITH, "minha irmã", "jogar bola"): (
        "O dono joga bola com a irmã do dono.", "tu joga bola com a tua irmã", "você joga bola com a sua irmã"),
    ("cardiologista", R.NAME, "doutor Renan", ""): (
        "O cardiologista do dono se chama doutor Renan.", "teu cardiologista se chama doutor Renan",
        "seu cardiologista se chama doutor Renan"),
    (OWNER, R.JOB, "logística", ""): (
        "O dono trabalha com logística.", "tu trabalha com logística", "você trabalha com logística"),
    (OWNER, R.LIKES, "meu trabalho", ""): (
        "O dono gosta do trabalho do dono.", "tu gosta do teu trabalho", "você gosta do seu trabalho"),
    (OWNER, R.PROPERTY, "42", "calçado"): ("O calçado do dono é 42.", "teu calçado é 42", "seu calçado é 42"),
    ("carro", R.PROPERTY, "vermelha", "cor"): (
        "O carro do dono é vermelho.", "teu carro é vermelho", "seu carro é vermelho"),
    ("Farol", R.PROPERTY, "avisa chuva", "o que faz"): (
        "O Farol avisa chuva.", "o Farol avisa chuva", "o Farol avisa chuva"),
    (OWNER, R.WITH, "Jorge", "casada"): (
        "O dono é casada com o Jorge.", "tu é casada com o Jorge", "você é casada com o Jorge"),
    ("reunião", R.TIME, "9h", ""): ("A reunião do dono é às 9h.", "tua reunião é às 9h", "sua reunião é às 9h"),
    ("reuniões", R.DAY, "terça", ""): (
        "As reuniões do dono são na terça.", "tuas reuniões são na terça", "suas reuniões são na terça"),
    ("reunião com Bruna e a Kelly", R.TIME, "9h", ""): (
        "A reunião do dono com a Bruna e a Kelly é às 9h.", "tua reunião com a Bruna e a Kelly é às 9h",
        "sua reunião com a Bruna e a Kelly é às 9h"),
    ("café com leite", R.TIME, "7h", ""): (
        "O café com leite do dono é às 7h.", "teu café com leite é às 7h", "seu café com leite é às 7h"),
    (OWNER, R.WITH, "Bruna e a Kelly", "morar"): (
        "O dono mora com a Bruna e a Kelly.", "tu mora com a Bruna e a Kelly", "você mora com a Bruna e a Kelly"),
    (OWNER, R.WITH, "Bruna, João e a minha mãe", "morar"): (
        "O dono mora com a Bruna, o João e a mãe do dono.", "tu mora com a Bruna, o João e a tua mãe",
        "você mora com a Bruna, o João e a sua mãe"),
    (OWNER, R.NEVER, "deixo que me liguem de manhã", ""): (
        "O dono nunca deixa que lhe liguem de manhã.", "tu nunca deixa que te liguem de manhã",
        "você nunca deixa que te liguem de manhã"),
    (OWNER, R.LIKES, "me deitar cedo", ""): (
        "O dono gosta de se deitar cedo.", "tu gosta de te deitar cedo", "você gosta de se deitar cedo"),
    (OWNER, R.HABIT, "me levanto cedo", ""): (
        "O dono se levanta cedo.", "tu te levanta cedo", "você se levanta cedo"),
    (OWNER, R.TIME, "9h", "acordar"): ("O dono acorda às 9h.", "tu acorda às 9h", "você acorda às 9h"),
}  # fmt: skip


@pytest.mark.parametrize(("told", "heard"), SPOKEN.items(), ids=lambda one: str(one[0])[:30])
def test_a_fact_is_told_of_and_to_the_owner(told: tuple[str, Relation, str, str], heard: tuple[str, str, str]) -> None:
    one = fact(*told)
    assert sentence(one) == heard[0]
    assert (spoken(one), spoken(one, Person.VOCE)) == heard[1:]


def test_what_the_facts_tell_decides_the_gender() -> None:
    """Fork ends like a man's name, and is a cat; a nurse who says "enfermeira" is no "dono"."""
    owner = [fact("gata", R.NAME, "Fork"), fact("Fork", R.AGE, "3"), fact(OWNER, R.JOB, "enfermeira")]
    told = genders(owner)
    assert lesson_questions(owner[1], told)[0] == "quantos anos tem a Fork?"
    assert sentence(owner[2], told) == "A dona é enfermeira."
    assert sentence(fact(OWNER, R.LIVES_IN, "Lages"), told) == "A dona mora em Lages."


@pytest.mark.parametrize("one", TOLD, ids=lambda one: one.id)
def test_every_fact_has_wordings_enough(one: Fact) -> None:
    taught, asked = lesson_questions(one, NAMES), exam_questions(one, NAMES)
    assert len(taught) >= 8 and len(asked) >= 4
    assert len({fold_to_ascii_words(text) for text in taught + asked}) == len(taught) + len(asked)


def test_lessons_and_exams_never_meet() -> None:
    taught = {fold_to_ascii_words(text) for one in TOLD for text in lesson_questions(one, NAMES)}
    asked = {fold_to_ascii_words(text) for one in TOLD for text in exam_questions(one, NAMES)}
    assert len(taught) > 700 and len(asked) > 400
    assert not taught & asked


def test_every_shape_is_used_by_a_fact() -> None:
    assert {topic(one.claim, NAMES).shape for one in TOLD} == set(shapes())


@pytest.mark.parametrize("one", TOLD, ids=lambda one: one.id)
def test_no_slot_is_left_and_no_article_is_doubled(one: Fact) -> None:
    told = [sentence(one, NAMES), spoken(one, names=NAMES), *lesson_questions(one, NAMES), *exam_questions(one, NAMES)]
    for text in told:
        assert not re.search(r"[{}<>|\[\]]", text), text
        assert not re.search(
            r"\b(?:de|em|por) (?:o|a|os|as) |\b(?!que que)(\w+) \1\b|\b(?:a|o) (?:a|o) |pra a |  ", text
        ), text


@pytest.mark.parametrize(
    ("words", "preposition", "expected"),
    [
        ("gata", "de", "da minha gata"), ("PC", "em", "no meu PC"), ("óculos", "de", "dos meus óculos"),
        ("Farol", "de", "do Farol"), ("Moedeira", "em", "na Moedeira"), ("daily", "pra", "pra minha daily"),
        ("melhor amiga", "de", "da minha melhor amiga"), ("cachorro da Lívia", "de", "do cachorro da Lívia"),
        ("Raspberry Pi", "em", "no meu Raspberry Pi"), ("viagem", "de", "da minha viagem"),
        ("rodízio do meu carro", "de", "do rodízio do meu carro"), ("caminhão do lixo", "em", "no caminhão do lixo"),
        ("vô", "de", "do meu vô"), ("vó", "de", "da minha vó"), ("projeto de TCC", "em", "no meu projeto de TCC"),
        ("problema", "com", "com o meu problema"), ("irmão", "pra", "pro meu irmão"), ("ônibus", "de", "do meu ônibus"),
    ],
)  # fmt: skip
def test_nouns_take_their_articles(words: str, preposition: str, expected: str) -> None:
    assert Speech(Person.EU).thing(noun(words), preposition) == expected


@pytest.mark.parametrize(
    ("first", "third", "infinitive"),
    [
        ("pedalo de manhã", "pedala de manhã", "pedalar de manhã"), ("durmo tarde", "dorme tarde", "dormir tarde"),
        ("faço a minha cama", "faz a tua cama", "fazer a tua cama"),
        ("me levanto cedo", "te levanta cedo", "te levantar cedo"),
        ("vou de bicicleta", "vai de bicicleta", "ir de bicicleta"),
        ("não como carne", "não come carne", "não comer carne"),
        ("leio com o meu filho", "lê com o teu filho", "ler com o teu filho"),
    ],
)  # fmt: skip
def test_what_is_done_is_turned_to_the_owner(first: str, third: str, infinitive: str) -> None:
    made = doing(first, Speech(Person.TU))
    assert made is not None and (made.third, made.infinitive) == (third, infinitive)


def test_the_owners_sentence_is_turned_to_and_told_of_the_owner() -> None:
    said = "eu deixo a chave com a minha mãe e moro comigo mesmo"
    assert turned(said, Speech(Person.VOCE)) == "você deixa a chave com a sua mãe e mora com você mesmo"
    assert turned(said, Speech(Person.DONO)) == "o dono deixa a chave com a mãe do dono e mora com o dono mesmo"
    assert turned("casa da minha mãe", Speech(Person.TU), verbs=False) == "casa da tua mãe"


@pytest.mark.parametrize(
    ("words", "article"),
    [
        ("reunião", "a"), ("reuniões", "as"), ("opinião", "a"), ("plantão", "o"), ("plantões", "os"), ("sessão", "a"),
        ("sessões", "as"), ("avião", "o"), ("balcão", "o"), ("balcões", "os"), ("coração", "o"), ("viagens", "as"),
        ("idades", "as"), ("aulas", "as"), ("mãos", "as"), ("irmãos", "os"), ("questões", "as"), ("ônibus", "o"),
    ],
)  # fmt: skip
def test_a_noun_has_its_gender_in_the_plural_too(words: str, article: str) -> None:
    assert noun(words).article == article


def test_values_take_their_prepositions() -> None:
    assert [at_time(one) for one in ("9h30", "1h", "meio-dia", "de manhã", "às duas")] == [
        "às 9h30", "à 1h", "ao meio-dia", "de manhã", "às duas"]  # fmt: skip
    assert [on_day(one) for one in ("sexta", "domingos", "12 de março", "terça e quinta", "março")] == [
        "na sexta", "aos domingos", "em 12 de março", "terça e quinta", "em março"]  # fmt: skip
    assert [in_place(one) for one in ("Joinville", "Rio de Janeiro", "roça", "na estante", "Bahia", "sao goncalo")] == [
        "em Joinville", "no Rio de Janeiro", "na roça", "na estante", "na Bahia", "em sao goncalo"]  # fmt: skip
    assert [where(one) for one in ("gaveta", "HD Cofre", "em cima da geladeira", "Itajaí")] == [
        "na gaveta", "no HD Cofre", "em cima da geladeira", "em Itajaí"]  # fmt: skip
    assert [a_thing(one) for one in ("fusca", "diabetes", "moto", "dois gatos", "plantas")] == [
        "um fusca", "diabetes", "uma moto", "dois gatos", "plantas"]  # fmt: skip
    assert [at_company(one) for one in ("Moedeira", "Itaú", "escola estadual", "Correios")] == [
        "na Moedeira", "no Itaú", "na escola estadual", "nos Correios"]  # fmt: skip
    assert scheduled("rego as plantas aos domingos") == ("rego as plantas", "aos domingos")
    assert scheduled("tomo café sem açúcar") is None


def test_an_odd_claim_is_worded_all_the_same() -> None:
    """Whatever a grammar or a model reads: nothing raises, nothing is empty."""
    for relation in Relation:
        for subject in ("", "gata", "x", "acordar"):
            for value in ("", "Fork", "9h30", "!!", "de"):
                for attribute in ("", "pra", "acordar"):
                    one = fact(subject, relation, value, attribute)
                    assert sentence(one).endswith(".")
                    assert spoken(one) is not None and isinstance(lesson_questions(one), list)
                    assert not {fold_to_ascii_words(q) for q in lesson_questions(one)} & {
                        fold_to_ascii_words(q) for q in exam_questions(one)}  # fmt: skip


def test_the_uses_are_told_apart_by_claims_only() -> None:
    assert topic(Claim("", R.TIME, "9h", "daily")).subject == "daily"
    assert topic(Claim("acordar", R.TIME, "9h")).shape == topic(Claim("", R.TIME, "9h", "acordo")).shape
    assert {use.value for use in Use} == {"lesson", "exam"}

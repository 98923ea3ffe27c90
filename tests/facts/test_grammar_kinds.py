"""Kinds of sentences as other people say them: how a value ends, whom it is about, and what only looks like a fact."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.facts.grammar import claims, claims_of_reply
from aeon_plugin_ft.facts.grammar.lexicon import member
from aeon_plugin_ft.facts.model import Claim, Relation

R = Relation
Told = tuple[str, Relation, str, str]


def told(read: list[Claim]) -> list[Told]:
    return [(one.subject, one.relation, one.attribute, one.value) for one in read]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("sou pintora no Sesc faz 12 anos", [("", R.JOB, "", "pintora"), ("", R.WORKS_AT, "", "Sesc")]),
        ("tenho uma Titan 160 que é meu xodó", [("", R.HAS, "", "Titan 160")]),
        ("não gosto de fígado nem de jiló", [("", R.DISLIKES, "", "fígado"), ("", R.DISLIKES, "", "jiló")]),
        ("odeio sertanejo com todas as forças", [("", R.DISLIKES, "", "sertanejo")]),
        ("pode me chamar de Gui que tá suave", [("", R.CALLED, "", "Gui")]),
        ("moro em Belém com o marido", [("", R.WITH, "morar", "marido"), ("", R.LIVES_IN, "", "Belém")]),
        ("nasci em Oeiras, no Piauí", [("", R.FROM, "", "Oeiras, no Piauí")]),
        ("meu nome é Sueli com Y", [("", R.NAME, "", "Sueli")]),
        ("estudo no IFSP de manhã", [("", R.STUDIES, "lugar", "IFSP")]),
        ("sou bombeiro militar em Maringá", [("", R.JOB, "", "bombeiro militar")]),
        (
            "curto rock, metal e jazz",
            [("", R.LIKES, "", "rock"), ("", R.LIKES, "", "metal"), ("", R.LIKES, "", "jazz")],
        ),
        ("meu carro é um Onix branco", [("carro", R.KIND, "", "Onix"), ("carro", R.PROPERTY, "cor", "branco")]),
        ("moro em Sorriso faz quinze anos", [("", R.LIVES_IN, "", "Sorriso")]),
        ("me mudei pro Campeche em março", [("", R.LIVES_IN, "", "Campeche")]),
        ("nasci em alcântara no dia dois", [("", R.FROM, "", "alcântara")]),
        ("tenho diabete tipo dois", [("", R.HAS, "", "diabete tipo dois")]),
        ("n curto funk n", [("", R.DISLIKES, "", "funk")]),
        ("sou o Everaldo da contabilidade", [("", R.NAME, "", "Everaldo")]),
        ("meu irmão mora no Canadá e minha irmã em Recife", [("irmão", R.LIVES_IN, "", "Canadá")]),
        ("me mudei pra Maringá faz pouco tempo", [("", R.LIVES_IN, "", "Maringá")]),
        ("tenho um papagaio chamado Pingo que canta", [("", R.HAS, "", "papagaio"), ("papagaio", R.NAME, "", "Pingo")]),
        ("ganhei um gato de presente", [("", R.HAS, "", "gato")]),
        ("estudo japonês por conta própria", [("", R.STUDIES, "", "japonês")]),
        ("prefiro dormir com a janela aberta", [("", R.LIKES, "", "dormir com a janela aberta")]),
        ("prefiro ir a pé", [("", R.LIKES, "", "ir a pé")]),
        ("bebo cerveja só no fim de semana", [("", R.HABIT, "", "bebo cerveja só no fim de semana")]),
        ("à noite leio pro meu filho", [("", R.HABIT, "", "leio pro meu filho à noite")]),
        ("meu treino é de segunda a sexta", [("treino", R.DAY, "", "segunda a sexta")]),
    ],
)
def test_a_value_ends_where_something_else_is_told(sentence: str, expected: list[Told]) -> None:
    assert told(claims(sentence)) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("minha irmã, a Lívia, é dentista", [("irmã", R.NAME, "", "Lívia"), ("irmã", R.JOB, "", "dentista")]),
        ("a Lívia, minha irmã, é dentista", [("irmã", R.NAME, "", "Lívia"), ("irmã", R.JOB, "", "dentista")]),
        ("meu sogro, que se chama Onofre, é padre", [("sogro", R.NAME, "", "Onofre"), ("sogro", R.JOB, "", "padre")]),
        (
            "meus dois filhos, Rui e Ari, são cegos",
            [("filhos", R.NAME, "", "Rui e Ari"), ("filhos", R.TRAIT, "", "cegos")],
        ),
        ("tenho dois gatos: Tom, Rex e Mia", [("", R.HAS, "", "dois gatos"), ("gatos", R.NAME, "", "Tom, Rex e Mia")]),
        ("adotei um gato, dei o nome de Dendê", [("", R.HAS, "", "gato"), ("gato", R.NAME, "", "Dendê")]),
        ("minha mulher e eu moramos em Betim", [("", R.LIVES_IN, "", "Betim")]),
        ("o nome do meu chefe é seu Arnaldo", [("chefe", R.NAME, "", "seu Arnaldo")]),
        ("meu médico é o doutor Anselmo, do postinho", [("médico", R.NAME, "", "doutor Anselmo")]),
        ("meu filho não pode comer ovo, tem alergia", [("filho", R.ALLERGY, "", "ovo")]),
        ("minha filha conceição é cega", [("filha", R.NAME, "", "conceição"), ("filha", R.TRAIT, "", "cega")]),
        ("minha sogra é dona Neusa", [("sogra", R.NAME, "", "dona Neusa")]),
        ("o seu Antônio é meu sogro", [("sogro", R.NAME, "", "seu Antônio")]),
        ("a Lua é minha gata preta", [("gata preta", R.NAME, "", "Lua")]),
        ("adotei um vira-lata, o nome dele é Rex", [("", R.HAS, "", "vira-lata"), ("vira-lata", R.NAME, "", "Rex")]),
        ("o nome do meu cavalo é Zé, ele tem 9 anos", [("cavalo", R.NAME, "", "Zé"), ("cavalo", R.AGE, "", "9 anos")]),
        (
            "minha cachorra é a Lua, uma vira-lata de 3 anos",
            [("cachorra", R.NAME, "", "Lua"), ("cachorra", R.KIND, "", "vira-lata"), ("cachorra", R.AGE, "", "3 anos")],
        ),
        ("trabalho com a minha irmã", [("", R.WITH, "trabalhar", "minha irmã")]),
        ("sou canhoto e míope", [("", R.TRAIT, "", "canhoto"), ("", R.TRAIT, "", "míope")]),
    ],
)
def test_whom_it_is_about(sentence: str, expected: list[Told]) -> None:
    assert told(claims(sentence)) == expected


def test_what_is_done_no_more_has_ended() -> None:
    ended = claims("não faço mais balé")
    assert told(ended) == [("", R.HABIT, "", "faço balé")]
    assert ended[0].ended
    assert claims("não bebo mais") == []  # it may be a rule as well


def test_speech_without_commas_is_cut_where_a_statement_begins() -> None:
    assert told(claims("meu nome é edilson eu moro em caruaru sou pedreiro minha mãe se chama rosa")) == [
        ("", R.NAME, "", "edilson"), ("", R.LIVES_IN, "", "caruaru"), ("", R.JOB, "", "pedreiro"),
        ("mãe", R.NAME, "", "rosa"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("sou Corinthians até morrer", ("", R.FAVOURITE, "time", "Corinthians")),
        ("sou do Vasco", ("", R.FAVOURITE, "time", "Vasco")),
        ("sou gaúcho de Bagé", ("", R.FROM, "", "Bagé")),
        ("sou Neide", ("", R.NAME, "", "Neide")),
        ("sou evangélica, tá?", ("", R.TRAIT, "", "evangélica")),
        ("tomo o remédio da pressão todo dia às 8h", ("", R.TIME, "tomar o remédio da pressão", "8h")),
        ("tomo soro segunda e quarta às 8h", ("", R.HABIT, "", "tomo soro segunda e quarta às 8h")),
        ("trabalho das 8 às 17", ("", R.TIME, "trabalhar", "das 8 às 17")),
        ("divido o apartamento com a Jana", ("", R.WITH, "dividir o apartamento", "Jana")),
        ("pra editar vídeo eu uso o CapCut", ("", R.USES, "editar vídeo", "CapCut")),
        ("filme favorito: Bacurau", ("", R.FAVOURITE, "filme", "Bacurau")),
        ("o que eu mais gosto é de nadar", ("", R.LIKES, "", "nadar")),
        ("o aluguel vence todo dia 10", ("aluguel", R.DAY, "", "dia 10")),
        ("vou dormir às 22h", ("", R.TIME, "dormir", "22h")),
        ("durmo por volta da meia-noite", ("", R.TIME, "dormir", "meia-noite")),
        ("agora eu uso o Deezer pra ouvir música", ("", R.USES, "ouvir música", "Deezer")),
        ("desde 2019 moro em Gramado", ("", R.LIVES_IN, "", "Gramado")),
        ("há dez anos sou vegetariano", ("", R.TRAIT, "", "vegetariano")),
        ("sempre tomo banho frio", ("", R.HABIT, "", "sempre tomo banho frio")),
        ("a gente joga vôlei toda terça", ("", R.HABIT, "", "jogo vôlei toda terça")),
        ("jogo RPG com os amigos toda sexta", ("", R.HABIT, "", "jogo RPG com os amigos toda sexta")),
        ("coleciono selos", ("", R.HABIT, "", "coleciono selos")),
        ("não bebo cerveja", ("", R.NEVER, "", "bebo cerveja")),
        ("nunca deixo louça na pia", ("", R.NEVER, "", "deixo louça na pia")),
        ("trabalho com RH", ("", R.JOB, "", "RH")),
    ],
)  # fmt: skip
def test_what_is_told_in_other_words(sentence: str, expected: Told) -> None:
    assert told(claims(sentence)) == [expected]


@pytest.mark.parametrize(
    "sentence",
    [
        "sou Lula",
        "sou do contra",
        "sou o rei da Inglaterra",
        "tenho 300 anos",
        "sou alérgica a segunda-feira",
        "moro no mundo da lua",
        "sou casado com o trabalho",
        "tava escrito na camiseta: odeio acordar cedo",
        "vamos supor que eu ganho dez mil por mês",
        "tenho um gato miando na janela",
        "tenho uma moto pra vender",
        "tenho um primo que trabalha na Vale",
        "meu nome é difícil de escrever",
        "meu celular é novo",
        "meu carro é uma tartaruga",
        "não tomo café agora",
        "pego você às 8",
        "sexta eu pego a estrada cedo",
        "meu marido me chama de Flor",
        "moro em Recife, salvo engano",
        "aqui é o Brasil",
        "a Bia é minha vida",
        "quase nunca como doce",
        "sou casado com a colheitadeira",
        "meu sangue é leite condensado",
        "eu moro é no buzu",
        '"O Senhor é meu pastor e nada me faltará."',
        "nosso bebê nasce em julho",
        "meu plantão é de 12 horas",
        "folgo domingo sim, domingo não",
        "chego às 8",
        "minha comida favorita é a da minha mãe",
        "trabalho com amor",
        "moro com a saudade",
        "estudo em casa",
        "uso o mesmo de sempre",
        "uso a Júlia de desculpa",
        "tenho um gato preso na garganta",
        "tenho uma moto na minha frente",
        "comprei um celular pra minha filha",
        "tenho um Corinthians e Palmeiras pra ver",
        "almoço com a Carla na quarta",
        "jogo do Flamengo é às 16h",
        "deixo você na porta",
        "faço direito as coisas",
        "nunca durmo bem",
        "não tomo jeito",
    ],
)
def test_what_only_looks_like_a_fact(sentence: str) -> None:
    assert claims(sentence) == []


@pytest.mark.parametrize(
    ("reply", "question", "expected"),
    [
        ("Dona Zélia, o seu fusca é azul.", "de que cor é o meu fusca?", [("fusca", R.PROPERTY, "cor", "azul")]),
        ("Ô patrão, é Chitãozinho.", "que dupla eu mais escuto?", [("", R.FAVOURITE, "dupla", "Chitãozinho")]),
        ("Ô patrão, a dupla eu sei, a música não.", "qual é a minha música favorita?", []),
        ("A doutora Keiko.", "quem é minha dentista?", [("dentista", R.NAME, "", "doutora Keiko")]),
        ("Você me contou que é alérgica a ovo.", "", [("", R.ALLERGY, "", "ovo")]),
        ("É o doutor Haruo, seu dentista.", "", [("dentista", R.NAME, "", "doutor Haruo")]),
        ("Sua tia é a Ana, professora.", "", [("tia", R.NAME, "", "Ana"), ("tia", R.JOB, "", "professora")]),
    ],
)  # fmt: skip
def test_how_an_assistant_says_it(reply: str, question: str, expected: list[Told]) -> None:
    assert told(claims_of_reply(reply, question)) == expected


def test_plurals_and_diminutives_are_of_the_class_of_their_noun_and_names_are_not() -> None:
    assert member("pet", "calopsitas")
    assert member("possession", "barraquinha")
    assert not member("pronoun", "tais")  # the name Taís, no plural of "tal"

"""What a model must not forget while it learns its owner's talk: a fixed set of general Portuguese.

Written for this project and never trained on. They are scored, not generated: the held-out loss of the
reply tells whether the candidate still finds plain, correct Portuguese as likely as the base does, which
24 greedy replies of a small model could not tell.
"""

from __future__ import annotations

from hooks import Message

GENERAL: tuple[tuple[str, str], ...] = (
    ("Qual é a capital da França?", "A capital da França é Paris."),
    ("Quantos dias tem uma semana?", "Uma semana tem sete dias: de segunda-feira a domingo."),
    ("O que é a fotossíntese?", "É o processo pelo qual as plantas usam a luz do sol para fazer o próprio alimento."),
    ("Quem escreveu Dom Casmurro?", "Dom Casmurro foi escrito por Machado de Assis e publicado em 1899."),
    ("Quanto é doze vezes três?", "Doze vezes três é igual a trinta e seis."),
    ("Por que o céu é azul?", "Porque o ar espalha mais a luz azul do sol do que as outras cores."),
    ("Qual é o maior planeta do sistema solar?", "O maior planeta do sistema solar é Júpiter."),
    ("O que é inflação?", "Inflação é o aumento geral dos preços ao longo do tempo, que reduz o poder de compra."),
    ("Como se faz arroz?", "Refogue o arroz com alho, junte o dobro de água, ponha sal e cozinhe até secar."),
    ("Qual é o plural de pão?", "O plural de pão é pães."),
    ("Em que continente fica o Egito?", "O Egito fica no nordeste da África."),
    ("O que faz o coração?", "O coração bombeia o sangue e leva oxigênio a todo o corpo."),
    ("Quando o Brasil se tornou independente?", "O Brasil se tornou independente em 7 de setembro de 1822."),
    ("Como escrevo uma carta formal?", "Comece com a data e o nome, explique o assunto e despeça-se com respeito."),
    ("O que é um computador?", "É uma máquina que recebe dados, segue instruções e devolve resultados."),
    ("Qual é o contrário de alto?", "O contrário de alto é baixo."),
    ("Por que devemos beber água?", "Porque o corpo precisa de água para funcionar bem e regular a temperatura."),
    ("O que é uma metáfora?", "É uma figura de linguagem que compara duas coisas sem usar a palavra como."),
    ("A que temperatura a água ferve?", "Ao nível do mar, a água ferve a cem graus Celsius."),
    ("Qual é o rio mais extenso da América do Sul?", "O rio mais extenso da América do Sul é o Amazonas."),
    ("Como posso estudar melhor?", "Faça pausas, resuma o que leu e revise um pouco todos os dias."),
    ("O que significa democracia?", "Democracia é o governo em que o povo escolhe quem o representa pelo voto."),
    ("Quantos lados tem um hexágono?", "Um hexágono tem seis lados."),
    ("Traduza para o inglês: bom dia.", "Em inglês, bom dia se diz good morning."),
)  # fmt: skip


def general_examples() -> list[list[Message]]:
    """The texts as conversations of one question and one reply, without a system prompt."""
    return [[Message("user", question), Message("assistant", reply)] for question, reply in GENERAL]

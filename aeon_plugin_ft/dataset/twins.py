"""What two questions have in common beyond their words, and what parts them although nearly every letter is the same.

"aeon, como eu tiro mancha de vinho, por favor?" is "como tiro mancha de vinho" said again: judged by one and trained on
the other, a model would be praised for its memory. "desliga a luz da sala" is no copy of "liga a luz da sala", and 7x8
none of 7x9: left out as a copy, it would never be learnt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from aeon_plugin_ft.dataset.model import Example
from aeon_plugin_ft.dataset.words import normal, words
from aeon_plugin_ft.privacy.number_words import ALL as NUMBER_WORDS
from aeon_plugin_ft.privacy.text import vocabulary

_SMALL_TALK = vocabulary(
    "aeon aion ei oi ola opa cara mano por favor pf pfv obrigado obrigada valeu me diz diga fala fale conta conte"
    " pode poderia consegue consegues sabe saberia dizer falar contar explicar explica explique ai entao agora so"
    " eu tu voce vc a o as os um uma de da do das dos em no na nos nas e que pra para queria gostaria quero"
    " preciso saber tem como se ajuda ajudar lembra rapidinho rapido gentileza favorzinho please"
)
"""Words that make a question politer or longer and no other."""
_TURNED = vocabulary(
    "liga desliga ligar desligar ligue desligue acende apaga acender apagar abre fecha abrir fechar aumenta"
    " abaixa diminui aumentar abaixar diminuir sobe desce subir descer ativa desativa ativar desativar entra sai"
    " entrar sair comeca para inicia termina adiciona remove tira poe coloca bloqueia desbloqueia tranca destranca"
    " nao nunca sem com antes depois hoje amanha ontem segunda terca quarta quinta sexta sabado domingo manha"
    " tarde noite esquerda direita dentro fora mais menos primeiro primeira ultimo ultima maior menor melhor pior"
    " sim proxima proximo anterior frio quente"
)
"""Words of which one alone makes another question."""
_SHORTEST_REPLY = 5
"""Words; shorter ones ("Pronto, tá feito.") are said to everything."""
_FEW = 3
"""A reply that is given to more questions than so many, or than one in twenty, is no answer to any of them."""
_OPENERS = vocabulary("primeiro antes tudo bom bem entao olha cara claro certo beleza pois e de mano veja")


def meaning(text: str) -> tuple[str, ...]:
    """The numbers of a text, and its words of which one alone makes another question, in order."""
    return tuple(
        word
        for word in words(text)
        if word in _TURNED or word in NUMBER_WORDS or any(letter.isdigit() for letter in word)
    )


def core(question: str) -> str:
    """What is asked, without what makes it politer or longer, its words in alphabetical order."""
    kept = sorted({word for word in words(question) if word not in _SMALL_TALK})
    return " ".join(kept) or normal(question) or question


def said(reply: str) -> str:
    """A reply as it is compared, without how it begins; "" for one that is too short to be told by."""
    told = words(reply)
    if len(told) < _SHORTEST_REPLY:
        return ""
    at = 0
    while at < len(told) - _SHORTEST_REPLY + 1 and told[at] in _OPENERS:
        at += 1
    return " ".join(told[at:])


def sides(examples: Sequence[Example]) -> list[int]:
    """A number for each example: those with one number must be on one side of the split. Examples belong together
    that ask the same, however it is worded, or that get the same reply."""
    parent = list(range(len(examples)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    told = [said(example.reply) for example in examples]
    common = max(_FEW, len(examples) // 20)
    often = {reply for reply, count in Counter(told).items() if count > common}
    first: dict[tuple[str, str], int] = {}
    for number, example in enumerate(examples):
        asked = normal(example.user) or example.user
        for key in (("asks", asked), ("core", core(example.user)), ("says", told[number])):
            if key[1] and key[1] not in often:
                parent[root(number)] = root(first.setdefault(key, number))
    return [root(number) for number in range(len(examples))]

"""Whether a reply is Portuguese, by its function words: fast, transparent, and silent when in doubt.

A statistical detector would be no better on sentences of ten words and costs a hundred times more. Words that
two of the languages share count for neither; slang, names and code words count for nothing.
"""

from __future__ import annotations

import re

from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import vocabulary

_PORTUGUESE = vocabulary(
    "o a os as um uma de do da dos das em no na nos nas e que nao sim para pra por pelo pela com sem se eu voce "
    "voces ele ela eles elas nos isso isto aquilo esse essa este esta meu minha seu sua mas ou quando como onde "
    "ja ainda so tambem muito mais ta to ate ai la aqui agora entao pode tem ser estou esta sao foi vai vou foram "
    "tudo cara tipo ne bom boa dia noite tarde obrigado obrigada valeu claro qual quem hoje amanha ontem"
)
_OTHER = {
    "English": vocabulary(
        "the of and to in is it that you for with are this have be not was they we your my can will would there "
        "what if from or an at but which when how i'm don't it's let's here about just so does did she his her "
        "hello hi thanks sorry please yes good morning sure of course"
    ),
    "Spanish": vocabulary(
        "el los las una unos unas y en con por para pero como esta estoy eres usted muy bien gracias hola donde "
        "cuando hacer puedo puede tengo tienes hay yo tu nosotros ellos del al lo le les mi sus este eso asi "
        "tambien mas porque ahora buenos buenas dias noches"
    ),
    "French": vocabulary(
        "le les des est et un une dans je vous nous il elle ils pas que qui pour avec sur mais ou bonjour merci "
        "c'est j'ai suis etes sont mon votre ce cette ces aussi tres bien"
    ),
    "German": vocabulary(
        "der die das und ist ein eine ich du sie wir nicht mit auf fur von zu den dem ja nein wie was danke bitte "
        "hallo guten morgen heute kann haben habe"
    ),
}
_SHARED = {
    word
    for name, own in _OTHER.items()
    for word in own
    if word in _PORTUGUESE or any(word in more for other, more in _OTHER.items() if other != name)
}
_FOREIGN = {name: own - _SHARED for name, own in _OTHER.items()}
_ANY_FOREIGN = frozenset().union(*_FOREIGN.values())
_MARKS = re.compile("[ãõçâêô]")
_CODE = re.compile(r"```.*?```|`[^`]*`|https?://\S+", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
MINIMUM = 3
"""Fewer recognised words than this decide nothing."""


def foreign_language(text: str) -> str | None:
    """The English name of the language when the text is clearly not Portuguese, else None."""
    plain = _CODE.sub(" ", text).lower() if "`" in text or "://" in text else text.lower()
    # Tildes and cedillas, one in 150 letters and more: Portuguese, without a look at the words.
    if len(plain) < 8 or len(_MARKS.findall(plain)) > len(plain) / 150:
        return None
    words = _WORD.findall(fold_accents(plain))
    if sum(map(_ANY_FOREIGN.__contains__, words)) < MINIMUM:
        return None
    hits = {name: sum(map(theirs.__contains__, words)) for name, theirs in _FOREIGN.items()}
    best = max(hits, key=lambda name: hits[name])
    own = sum(map(_PORTUGUESE.__contains__, words))
    # Clearly more than the Portuguese ones: a reply may quote a title or a lyric.
    return best if hits[best] >= MINIMUM and hits[best] > 1.5 * own else None

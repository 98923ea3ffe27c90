"""What kind of talk a turn is: decided once, when it is captured.

Only `TurnKind.CHAT` may train, so every doubt is settled against it: a canned sentence that a model
happened to say by itself is left out too, because learning it would teach the model to answer like
the fallback.
"""

from __future__ import annotations

import hashlib
import re

from aeon_plugin_ft.privacy.folding import fold_to_ascii_words
from aeon_plugin_ft.turns.model import TurnKind
from hooks import Turn
from hooks.text import strip_think

CHAT_CALLER = "chat"
COMMAND_CALLERS = ("command", "aeon_plugin_ft")
"""Who "asked" when the owner spoke to this plugin rather than to the brain."""

_CANNED = frozenset(
    # First 12 hex digits of the SHA-256 of each fixed sentence of Aeon's offline fallback, folded by
    # `fold_to_ascii_words`: greetings, thanks, farewell, jokes, "be clearer" and the answer of the vision stub, of
    # both commits that have them (cfbcd11 and a4dbb01).
    {
        "2fdc3ed6e281",
        "327e7e5166e4",
        "963a4f2d1cfd",
        "124660649064",
        "c0ab6910135b",
        "f32eed6c224d",
        "217f9a61142c",
        "6d6be3553a37",
        "dabb6d226f91",
        "6b43deb7d795",
        "f82cc551cf8b",
        "586238c3dae4",
        "847c9e5d0002",
        "5234af7be1f7",
        "9a47029dee8f",
        "098c390bf745",
        "222f5efb7d35",
        "1f8fcc5f7ccc",
        "087093cf92b7",
        "e021980f6d13",
        "d4d72ef9c1da",
        "b00d90b87efa",
    }
)
_CANNED_HOUR = re.compile(r"agora sao \d{1,2} \d{2} de \w+")
"""The only fallback sentence with a value in it: hour, minute and the day's name."""

_ERROR = re.compile(
    r"(?:\[(?:erro|error)\]|(?:erro|error)\s*[:\-–]"  # "[Erro] ...", "Erro: ...", "ERRO - ..."
    r"|erro (?:ao|executando|de estado|na|no)\b"
    r"|traceback \(most recent call last\)"
    r"|(?:c[eé]rebro|gerenciador de contexto) n[aã]o encontrado"
    r"|n[aã]o encontrei o aplicativo)",
    re.IGNORECASE,
)
"""How Aeon and its modules report a failure: always at the start of the reply."""


def classify(turn: Turn) -> TurnKind:
    """The kind of a turn that has just ended."""
    if turn.caller != CHAT_CALLER:
        # "aeon_plugin_ft.voice" is ours as well.
        ours = turn.caller.partition(".")[0] in COMMAND_CALLERS
        return TurnKind.COMMAND if ours else TurnKind.SYNTHETIC
    return classify_reply(turn.reply, turn.served_by.provider if turn.served_by else None)


def classify_reply(reply: str | None, provider: str | None) -> TurnKind:
    """The kind of a reply to the owner's own words; `provider` is None when nobody answered."""
    if reply is None or not strip_think(reply):
        return TurnKind.EMPTY
    if provider == "canned" or is_canned(reply):
        return TurnKind.CANNED
    if looks_like_error(reply) or provider in (None, "none"):
        return TurnKind.ERROR
    return TurnKind.CHAT


def is_canned(reply: str) -> bool:
    """Whether the reply is one of Aeon's fixed sentences, however it is spelt or accented."""
    folded = fold_to_ascii_words(reply)
    if _CANNED_HOUR.fullmatch(folded):
        return True
    # Hashes and not the sentences: they are Aeon's text, and need only be recognised.
    return hashlib.sha256(folded.encode()).hexdigest()[:12] in _CANNED


def looks_like_error(reply: str) -> bool:
    """Whether the reply reports a failure; a sentence that merely speaks of an error does not."""
    return _ERROR.match(reply.lstrip()) is not None

"""The sentences for when no model answers. They are labelled, so that nothing is ever learnt from them."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from hooks.contract import Message
from hooks.providers import OnToken

_DAYS = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")
_ANSWERS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("bom dia", "boa tarde", "boa noite", "oi", "ola", "e ai", "beleza", "tudo bem"),
        ("Fala. Estou sem modelo agora, mas acordado.", "Opa. Tô aqui, só que meio sem cérebro no momento."),
    ),
    (
        ("obrigado", "obrigada", "valeu"),
        ("Disponha. Anota na minha conta.", "De nada. Literalmente, já que o modelo está fora."),
    ),
    (("tchau", "ate logo", "ate mais", "falou"), ("Até. Não quebra nada enquanto isso.",)),
    (("quem e voce", "seu nome"), ("AEON, o dono desta máquina. No momento, sem modelo nenhum para pensar.",)),
)
_CLOCK = ("que horas", "que dia", "hora e", "data de hoje")
_OTHERWISE = (
    "Nenhum modelo respondeu. Liga o Ollama ou confere a chave da Groq e pergunta de novo.",
    "Fiquei sem cérebro nessa. Sem Groq, sem Ollama, sem resposta.",
    "Não tem modelo no ar. Fala de novo quando tiver.",
)


class CannedProvider:
    """Answers by keyword, in whole words, without any model."""

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float = 0.0, on_token: OnToken | None = None
    ) -> str:
        """A sentence for the last user message; the model's name and the time limit mean nothing here."""
        prompt = next((m.content for m in reversed(messages) if m.role == "user"), "")
        reply = self.reply(prompt)
        if on_token is not None:
            on_token(reply)
        return reply

    def models(self, *, timeout_s: float = 0.0) -> list[str]:
        """The one name that it goes by."""
        return ["canned"]

    def close(self) -> None:
        """There is nothing to give back."""

    def reply(self, prompt: str, now: datetime | None = None) -> str:
        """One sentence for `prompt`."""
        # With a space at either end, every word of it stands between two.
        words = f" {_plain(prompt)} "
        if any(f" {key} " in words for key in _CLOCK):
            now = now or datetime.now()
            return f"São {now:%H:%M} de {_DAYS[now.weekday()]}."
        for keys, answers in _ANSWERS:
            if any(f" {key} " in words for key in keys):
                return random.choice(answers)
        return random.choice(_OTHERWISE)


def _plain(text: str) -> str:
    """Lower case, no accents, words parted by single spaces."""
    bare = unicodedata.normalize("NFD", text.lower())
    return " ".join("".join(c if c.isalnum() else " " for c in bare if not unicodedata.combining(c)).split())

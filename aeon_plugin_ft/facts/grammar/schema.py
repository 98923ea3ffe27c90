"""The same claims, read by a local model in sentences where the grammar found nothing.

The model's answer is held to `SCHEMA`, a JSON schema: Ollama takes it as `format`
(https://docs.ollama.com/capabilities/structured-outputs), llama.cpp's server, which turns it into a grammar, as
`response_format` (https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md). What comes back is held to
the sentence: a value or a subject that does not stand in it is dropped, so that a model can misread but not invent.

A model is asked at idle time only, after it has shown that it can read (`reads_well`), and never about what the
grammar knows to be no statement (a question, a joke).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from aeon_plugin_ft.facts.grammar.lexicon import member, read_toml
from aeon_plugin_ft.facts.grammar.reader import may_tell, without_personal_data
from aeon_plugin_ft.facts.grammar.subjects import Voice
from aeon_plugin_ft.facts.grammar.values import acceptable
from aeon_plugin_ft.facts.model import OWNER, Claim, FactSource, Relation
from aeon_plugin_ft.privacy.folding import fold_accents, fold_in_place
from hooks import Message

SOURCE = FactSource.MODEL
"""Whose word these claims are, in the book."""
SURE = 0.6
MOST_CLAIMS = 6
MAX_TOKENS = 256
"""Of an answer: six claims take some 150."""
LONGEST_SENTENCE = 300
LONGEST_WORDS = 80
"""Characters of a subject, an attribute or a value."""
SPEAKER = "eu"
"""How a model writes the owner: an empty string is something that small models do not produce reliably."""

_NO_NOTES = tuple(relation for relation in Relation if relation is not Relation.NOTE)
"""A note is what the owner asked to be remembered, word for word; nothing for a model to decide."""
_WORDS = {"type": "string", "maxLength": LONGEST_WORDS}

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "claims": {
            "type": "array",
            "maxItems": MOST_CLAIMS,
            "items": {
                "type": "object",
                "properties": {
                    "subject": _WORDS,
                    "relation": {"type": "string", "enum": [relation.value for relation in _NO_NOTES]},
                    "attribute": _WORDS,
                    "value": _WORDS,
                },
                "required": ["subject", "relation", "attribute", "value"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["claims"],
    "additionalProperties": False,
}
"""What an answer must look like."""

JsonChat = Callable[[Sequence[Message], Mapping[str, Any], int], str]
"""Asks a model: the messages, the schema of the answer, the most tokens; gives its text. Errors are its own."""


def constraint(provider: str) -> dict[str, Any]:
    """What holds a reply to `SCHEMA`, as a part of the request's body: of Ollama's /api/chat, or of an
    OpenAI-compatible server's /v1/chat/completions (llama.cpp's, vLLM's)."""
    if provider == "ollama":
        return {"format": dict(SCHEMA)}
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": "claims", "strict": True, "schema": SCHEMA}}
    }


def messages_for(sentence: str) -> tuple[Message, ...]:
    """The task, three solved examples, and the sentence."""
    return *_task(), Message("user", sentence)


@lru_cache(1)
def _task() -> tuple[Message, ...]:
    raw = read_toml("model.toml")
    relations = "\n".join(f"{relation.value}: {raw['relations'][relation.value]}" for relation in _NO_NOTES)
    messages = [Message("system", raw["system"].strip().format(owner=SPEAKER) + "\n" + relations)]
    for example in raw["example"]:
        listed = [
            dict(zip(("subject", "relation", "attribute", "value"), one, strict=True)) for one in example["claims"]
        ]
        answer = json.dumps({"claims": listed}, ensure_ascii=False)
        messages += [Message("user", example["sentence"]), Message("assistant", answer)]
    return tuple(messages)


def parse_claims(answer: str, sentence: str) -> list[Claim]:
    """The claims of a model's answer that the sentence bears out; empty for what is no such JSON."""
    try:
        listed = json.loads(answer)["claims"]
    except (ValueError, KeyError, TypeError):
        return []
    if not isinstance(listed, list):
        return []
    claims = (_claim(one, sentence) for one in listed[:MOST_CLAIMS])
    return without_personal_data(sentence, list(dict.fromkeys(one for one in claims if one is not None)))


def _claim(raw: object, sentence: str) -> Claim | None:
    if not isinstance(raw, dict):
        return None
    fields = [raw.get(name) for name in ("subject", "relation", "attribute", "value")]
    if not all(isinstance(one, str) and len(one) <= LONGEST_WORDS for one in fields):
        return None
    subject, relation, attribute, value = (str(one).strip() for one in fields)
    if relation not in {one.value for one in _NO_NOTES}:
        return None
    if fold_accents(subject) in {SPEAKER, "dono", "dona", "mim", "a gente"}:
        subject = OWNER
    place = _stands(value, sentence)
    if place is None or not acceptable(value, fold_accents(value)) or not _subject_fits(subject, sentence):
        return None
    start, end = place
    return Claim(subject, Relation(relation), sentence[start:end], attribute.lower(), sure=SURE, start=start, end=end)


def _subject_fits(subject: str, sentence: str) -> bool:
    """The owner, or words of the sentence that may be spoken of; never a document or a password."""
    folded = fold_accents(subject)
    return subject == OWNER or (_stands(subject, sentence) is not None and not member("secret", folded))


def _stands(words: str, sentence: str) -> tuple[int, int] | None:
    """Where these words stand in the sentence, whole and in this order, case and accents aside."""
    folded = fold_in_place(words.strip())
    match = re.search(rf"(?<!\w){re.escape(folded)}(?!\w)", fold_in_place(sentence)) if folded else None
    return match.span() if match else None


def reads_well(chat: JsonChat) -> bool:
    """Whether a model is capable enough to be asked: of sentences whose claims are known it reads all but one, and in
    those without a claim nothing. (A Gemma of 270M parameters keeps to the schema and reads next to nothing right:
    `benchmarks/facts.py --model`.) What `chat` raises goes through."""
    right = 0
    trial = read_toml("model.toml")["trial"]
    for one in trial:
        found = {
            (claim.subject, claim.relation.value, fold_accents(claim.value))
            for claim in parse_claims(chat(messages_for(one["sentence"]), SCHEMA, MAX_TOKENS), one["sentence"])
        }
        there = {(OWNER if who == SPEAKER else who, what, fold_accents(value)) for who, what, _, value in one["claims"]}
        if found and not there:
            return False
        right += there <= found
    return right >= len(trial) - 1


def read_with_model(chat: JsonChat, sentences: Iterable[str]) -> Iterator[tuple[str, list[Claim]]]:
    """Each of the owner's sentences that may tell something, with what the model reads in it. One request a sentence:
    whoever calls stops between two of them when the owner is back. What `chat` raises goes through."""
    for sentence in sentences:
        if len(sentence) <= LONGEST_SENTENCE and may_tell(sentence, Voice.OWNER):
            answer = chat(messages_for(sentence), SCHEMA, MAX_TOKENS)
            yield sentence, parse_claims(answer, sentence)

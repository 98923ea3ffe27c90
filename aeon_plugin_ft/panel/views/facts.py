"""O que eu sei de você: what the owner told, where each comes from, and what they put right or take back."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aeon_plugin_ft.control_facts import by_weight
from aeon_plugin_ft.facts.model import OWNER, Fact
from aeon_plugin_ft.panel.acts import attempt
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.rendering import PATHS, Pages
from aeon_plugin_ft.panel.sentences import in_sentences
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.voice.control import Reason

LONGEST_SENTENCE = 400


@dataclass(frozen=True, slots=True)
class Known:
    """One fact with its sentence, and what was so before (newest first)."""

    fact: Fact
    sentence: str
    before: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of one thing; `name` is "" for the owner."""

    name: str
    known: tuple[Known, ...]


def routes(desk: Desk, pages: Pages, keys: Keys) -> list[Route]:
    """The page and its buttons."""

    def facts(request: Request) -> Response:
        desk.index.ingest()
        sought = request.query_params.get("busca", "").strip()
        subjects = by_subject(desk, sought)
        return pages.show(
            request, "facts", subjects=subjects, sought=sought, unread=len(desk.book.due()),
            total=len(desk.book.current()), in_prompt=desk.settings.memory.in_prompt,
        )  # fmt: skip

    def add(form: Form) -> Response:
        text = " ".join(form.get("frase").split())[:LONGEST_SENTENCE]
        # "Private" means that nothing of what is said now is kept, not even what is asked to be.
        private = Reason.IN_PRIVATE if desk.private else None
        pages.outcome(private or attempt(lambda: desk.book.add(text)), "note.fact_added")
        return pages.back(form, PATHS["facts"])

    def edit(form: Form) -> Response:
        id, value = form.get("fato"), form.get("valor")
        private = Reason.IN_PRIVATE if desk.private else None
        pages.outcome(private or attempt(lambda: desk.book.edit(desk.book.get(id), value)), "note.fact_edited")
        return pages.back(form, PATHS["facts"])

    return [
        Route(PATHS["facts"], facts),
        Route("/voce/contar", action(keys, add), methods=["POST"]),
        Route("/voce/corrigir", action(keys, edit), methods=["POST"]),
    ]


def by_subject(desk: Desk, sought: str) -> list[Subject]:
    """What is held, by what it is about: the owner first, then what is known most of. With `sought` only what has it in
    its sentence."""
    told = in_sentences(desk, by_weight(desk.book.current()))
    groups: dict[str, list[Known]] = {}
    names: dict[str, str] = {}
    for fact, sentence in told:
        if sought and fold_accents(sought) not in fold_accents(f"{fact.claim.subject} {sentence}"):
            continue
        before = tuple(one for one in desk.book.history(fact.claim.key) if not one.current)
        key = fold_accents(fact.claim.subject)
        names.setdefault(key, fact.claim.subject)
        groups.setdefault(key, []).append(Known(fact, sentence, before))
    order = sorted(groups, key=lambda key: (key != OWNER, -len(groups[key]), key))
    return [Subject(names[key], tuple(groups[key])) for key in order]

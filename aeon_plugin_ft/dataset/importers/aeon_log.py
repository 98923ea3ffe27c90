"""Aeon's conversation.log: `VOCÊ:`, `AEON:` and `AEON_SPEAK:` lines without times, escapes or turn borders.

What a turn looks like in it: the owner's line; perhaps what a module said by itself (AEON_SPEAK); the
shown reply (AEON, also when it is empty); the same text again when it was spoken (AEON_SPEAK). Lines without a
prefix continue the record above. A command split at " e " has two replies. "Estou pronto." is a start of Aeon,
so it ends a conversation. A start after a crash may stand at the end of a torn line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.labels import AEON, label_of, whose
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker
from aeon_plugin_ft.dataset.replies import KIND, Origin, origin
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.turns.model import LoggedTurn

_say = Speaker("errors/dataset")

BOOT = "Estou pronto."
_PREFIXES = (("AEON_SPEAK:", "S"), ("AEON:", "A"), ("VOCÊ:", "V"))
# VOCÊ decomposed, typed without the accent, or with its accent lost.
_ODD_OWNER = re.compile("VOC(?:E\u0302|E|\ufffd{1,3}|\u00ea|e): ?")
_TORN_BOOT = re.compile(r".+?AEON_SPEAK: ?Estou pronto\.\s*$", re.DOTALL)
_ENDS_A_SENTENCE = re.compile(r"[.!?…:;)\]}\"'”’`*»]\s*$|[^\w\s,\-–—(\[{]\s*$")


@dataclass(slots=True)
class _Open:
    """The turn being read. `speeches` are AEON_SPEAK records, `replies` AEON records."""

    line: int
    user: str
    replies: list[str] = field(default_factory=list)
    speeches: list[str] = field(default_factory=list)
    torn: bool = False
    elsewhere: bool = False
    """Somebody answered whose replies are not learnt."""


class AeonLog:
    name = "aeon"
    title = "Aeon's conversation.log"

    def sniff(self, sample: str) -> float:
        """By its prefixes, in the first 400 lines."""
        lines = sample.split("\n", 400)[:400]
        # One such line may stand in any text; two are this log.
        records = sum(_split(line) is not None for line in lines)
        return 0.9 if records >= 2 else 0.6 * min(1, records)

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each of the owner's lines with the reply that was shown."""
        # Older logs have only what was spoken, where a speech is the reply itself and not its echo.
        spoken_only = "\nAEON: " not in f"\n{source.sample}"
        builder = _Builder(reading, whose(source.sample, reading, source.path), spoken_only=spoken_only)
        for number, kind, text in _records(source, reading):
            done = builder.take(number, kind, text)
            if done is not None:
                yield done
        # Only now: it is known when the file has been read to its end.
        if not source.ends_with_newline:
            builder.mark_torn_end()
        done = builder.finish()
        if done is not None:
            yield done
        builder.report()


def _split(line: str) -> tuple[str, str] | None:
    """("V" | "A" | "S", text) of a line with a prefix, None of any other. The plain spellings come first: this runs
    once a line of logs that have millions."""
    for prefix, kind in _PREFIXES:
        if line.startswith(prefix):
            return kind, line[len(prefix) :].removeprefix(" ")
    odd_owner = _ODD_OWNER.match(line) if line.startswith("VOC") else None
    return ("V", line[odd_owner.end() :]) if odd_owner is not None else None


def _records(source: Source, reading: Reading) -> Iterator[tuple[int, str, str]]:
    """(line, kind, text) with continuation lines joined. A kind is "V", "A" or "S"; "torn A" says that a
    crash cut a new record of that kind, "torn +A" that it cut the one before; "other NAME" is another assistant's,
    where a reply would stand."""
    number, start, kind, parts = 0, 0, "", [""]
    for block in source.blocks():
        for line in block:
            number += 1
            # Most lines in one comparison; `_split` for the rest.
            head: tuple[str, str] | None
            if line.startswith("AEON_SPEAK: "):
                head = "S", line[12:]
            elif line.startswith("AEON: "):
                head = "A", line[6:]
            elif line.startswith("VOCÊ: "):
                head = "V", line[6:]
            else:
                head = _split(line)
            torn = line.find("AEON_SPEAK", 1) > 0 and _TORN_BOOT.match(line) is not None
            if head is None and not torn:
                # In the place of a reply; within one it is a part of the text.
                other = label_of(line) if kind == "V" or kind.startswith("other") else None
                if other is not None:
                    yield start, kind, ("\n".join(parts)).rstrip()
                    start, kind, parts = number, f"other {other[0]}", [other[1]]
                    continue
                if kind:
                    parts.append(line)
                elif line.strip():
                    reading.skip(number, "text before the first VOCÊ: or AEON: line")
                continue
            if kind:
                yield start, kind, ("\n".join(parts) if len(parts) > 1 else parts[0]).rstrip()
            if torn:
                yield number, f"torn {head[0]}" if head else f"torn +{kind}", ""
                start, kind, parts = number, "S", [BOOT]
            elif head is not None:
                start, kind, parts = number, head[0], [head[1]]
    if kind:
        yield start, kind, "\n".join(parts).rstrip()


class _Builder:
    """Records in, turns out."""

    def __init__(self, reading: Reading, whose: str, spoken_only: bool) -> None:
        self.reading, self.whose = reading, whose
        self.spoken_only = spoken_only
        self.maker = TurnMaker("aeon")
        self.open: _Open | None = None
        self.announcements = self.questions = 0

    def take(self, line: int, kind: str, text: str) -> LoggedTurn | None:
        """One more record; the turn that it completes, if any."""
        if kind == "A":
            self.spoken_only = False  # whatever the beginning of the file looked like
        if kind == "V":
            done = self.finish()
            self.open = _Open(line, text)
            self.questions += 1
            return done
        if kind == "A" or kind.startswith("other"):
            speaker = AEON if kind == "A" else kind.removeprefix("other ")
            if speaker != self.whose:
                self.reading.skip(line, _say("skipped.words_of", name=speaker))
                if self.open is not None:
                    self.open.elsewhere = True
            elif self.open is not None:
                self.open.replies.append(text)
            else:
                self.reading.skip(line, "a reply without a question")
        elif kind != "S":
            self._take_torn(line, kind)
        elif text == BOOT:
            done = self.finish()
            self.maker.new_session()
            return done
        elif self.open is not None:
            self.open.speeches.append(text)
        else:
            # Said by itself, with no question open: a reminder, the hour.
            self.announcements += 1
        return None

    def _take_torn(self, line: int, kind: str) -> None:
        """A crash cut this line and Aeon started again behind it; a cut echo harms nobody."""
        self.reading.skip(line, "a line cut by a crash, with the next start of Aeon behind it")
        if self.open is None:
            return
        if kind == "torn +A" or (kind == "torn A" and not self.open.replies):
            self.open.torn = True

    def mark_torn_end(self) -> None:
        """The file has no line end: its last record was being written, unless it reads like a whole sentence."""
        if self.open is None:
            return
        last = self.open.replies[-1] if self.open.replies and not self.open.speeches else ""
        if last and not _ENDS_A_SENTENCE.search(last):
            self.open.torn = True

    def finish(self) -> LoggedTurn | None:
        """Close the open turn; None when there is none, or it has no reply."""
        turn, self.open = self.open, None
        if turn is None:
            return None
        if turn.torn:
            self.reading.skip(turn.line, "the reply was cut by a crash")
            return None
        replies = turn.replies or (turn.speeches if self.spoken_only else [])
        if not replies and turn.elsewhere:
            return None
        if not replies:
            self.reading.skip(turn.line, "no reply before the next question or start of Aeon")
            return None
        if not turn.user.strip():
            self.reading.skip(turn.line, "an empty question")
            return None
        reply, kind = best_reply(replies)
        return self.maker.make(
            turn.user.strip(),
            reply,
            kind=KIND[kind],
            provider="canned" if kind == "fallback" else "none",
            caller="module" if kind == "module" else "chat",
            model="" if self.whose == AEON else self.whose,
        )

    def report(self) -> None:
        if self.questions == 0:
            self.reading.notes.append(_say("note.no_questions"))
        elif self.announcements:
            self.reading.notes.append(_say("note.announcements", n=self.announcements))


def best_reply(replies: list[str]) -> tuple[str, Origin]:
    """One reply out of the one or several that a command got: those of a model, joined in their order;
    without any, the first, with what it is."""
    if len(replies) == 1:
        only = replies[0].strip()
        return only, origin(only)
    told = [(text.strip(), origin(text.strip())) for text in replies]
    by_model = [text for text, kind in told if kind == "model"]
    return ("\n".join(by_model), "model") if by_model else told[0]

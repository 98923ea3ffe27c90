"""The door of this package: find personal data in a text, and write typed placeholders in its place.

It runs on every turn inside Aeon, so a text is first looked at cheaply; the recognisers (their patterns,
phonenumberslite, python-stdnum) are loaded when the first text looks as if it held something.
"""

from __future__ import annotations

import bisect
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from aeon_plugin_ft.privacy.canonical import Canonical
from aeon_plugin_ft.privacy.folding import fold_in_place
from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.signals import Signal, signals
from aeon_plugin_ft.privacy.text import PLACEHOLDER, ScannedText

Mode = Literal["redact", "drop", "keep"]

_LONG_TEXT = 1000
_LINE_END = 60
"""Characters of a line that are read again in front of the next one."""
_REPEATED = 3
"""Characters from which a value that one text of a turn gives away is looked for in the others."""


class Placeholders:
    """The numbers given so far: one value has one number, whichever way it was written.

    Used for one text by default; passed to several calls of `redact` it keeps numbering across a turn or
    a conversation. It remembers salted digests, never a value, and is never written to disk.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._given: dict[tuple[Kind, bytes], str] = {}
        self._last: dict[str, int] = {}

    def skip(self, text: str) -> None:
        """Do not give out again the numbers that a text already has."""
        for match in PLACEHOLDER.finditer(text):
            self._last[match[1]] = max(self._last.get(match[1], 0), int(match[2]))

    def name(self, finding: Finding) -> str:
        """The placeholder of a finding, such as "[CPF_1]"."""
        digest = hashlib.blake2b(
            finding.value.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=12
        ).digest()
        key = (finding.kind, digest)
        if key not in self._given:
            self._last[finding.kind.value] = self._last.get(finding.kind.value, 0) + 1
            self._given[key] = f"[{finding.kind.value}_{self._last[finding.kind.value]}]"
        return self._given[key]


class Redactor:
    """Finds and replaces personal data. `terms` are the owner's own words; case and accents do not matter.

    mode "redact" and "drop" both replace in `redact` (a turn that should have been dropped is still never
    written as it was said); "keep" gives texts back unchanged. `refusal` is for mode "drop".
    """

    def __init__(self, mode: Mode = "redact", terms: Sequence[str] = ()) -> None:
        self.mode = mode
        folded = sorted({fold_in_place(term.strip()) for term in terms if term.strip()}, key=len, reverse=True)
        self._terms = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, folded)) + r")(?!\w)") if folded else None

    def find(self, text: str) -> list[Finding]:
        """Everything personal in the text, in order, without overlaps; whatever the mode is."""
        view = Canonical(text)
        return [view.back(finding) for finding in self._find(view.text)]

    def _find(self, text: str) -> list[Finding]:
        candidates: list[Finding] = []
        if self._terms:
            candidates += [
                Finding(Kind.TERM, match.start(), match.end(), match.group(), 1.0)
                for match in self._terms.finditer(fold_in_place(text))
            ]
        # Short ones whole; long ones by lines, of which few have a signal.
        if len(text) >= _LONG_TEXT and "-----BEGIN" not in text:
            candidates += _by_lines(text)
        elif seen := signals(text):
            candidates += _candidates(text, seen)
        if "\\" in text:
            candidates = [_outside_escapes(text, finding) for finding in candidates]
        return _settled(text, candidates) if candidates else []

    def redact(self, text: str, names: Placeholders | None = None) -> str:
        """The text with every finding replaced by its placeholder; redacting twice changes nothing."""
        if self.mode == "keep":
            return text
        findings = self.find(text)
        if not findings:
            return text
        names = names or Placeholders()
        names.skip(text)
        return _replaced(text, findings, names)

    def together(self) -> Callable[[str], str]:
        """A `redact` for the texts of one turn or conversation: the same number for the same value in all."""
        names = Placeholders()
        return lambda text: self.redact(text, names)

    def of_turn(self, texts: Iterable[str]) -> Callable[[str], str]:
        """A `redact` for these texts of one turn. A value has the same number in all of them, and what one of them
        gives away is replaced in the others where it stands without its context: the reply "Anotado: girassol42" to
        "a senha do wifi é girassol42". A short answer to "qual é a senha?" gives away what looks like one."""
        if self.mode == "keep":
            return lambda text: text
        by_text: dict[str, list[Finding]] = {}
        asked = False
        for text in texts:
            by_text[text] = self.find(text)
            if asked:
                by_text[text] = _settled(text, [*by_text[text], *_bare_passwords(text)])
            asked = _asks_for_password(text)
        names = Placeholders()
        for text in by_text:
            names.skip(text)
        settled = {
            text[one.start : one.end].casefold(): one
            for text, findings in by_text.items()
            for one in findings
            if one.end - one.start >= _REPEATED
        }
        # One pattern for all values, made once for the turn and not once for each of its texts.
        again = _any_of(settled) if settled else None

        def redact(text: str) -> str:
            findings = by_text[text] if text in by_text else self.find(text)
            if again is not None:
                bare = (_at(match, settled.get(match.group().casefold())) for match in again.finditer(text))
                findings = _settled(text, [*findings, *(one for one in bare if one is not None)])
            return _replaced(text, findings, names)

        return redact

    def refusal(self, texts: Iterable[str]) -> str | None:
        """In mode "drop": why a turn with these texts must not be logged (kinds, never values), or None."""
        if self.mode != "drop":
            return None
        kinds = sorted({finding.kind.value for text in texts for finding in self.find(text)})
        return "personal data: " + ", ".join(kinds) if kinds else None

    def warm(self) -> None:
        """Load the recognisers now (about 0.2 s once), so that no turn pays for it; call it off the host's thread."""
        self.find("meu cpf é 529.982.247-25, liga no (11) 98765-4321")


def _asks_for_password(text: str) -> bool:
    if not signals(text) & Signal.PASSWORD:
        return False
    from aeon_plugin_ft.privacy.passwords import asks_for_password

    return asks_for_password(text)


def _bare_passwords(text: str) -> Iterator[Finding]:
    from aeon_plugin_ft.privacy.passwords import find_bare_passwords

    return find_bare_passwords(text)


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Each of these as whole words, the longest first."""
    longest = sorted(texts, key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest)) + r")(?!\w)", re.IGNORECASE)


def _at(match: re.Match[str], finding: Finding | None) -> Finding | None:
    """The same value at another place, of less weight than what is found there by itself."""
    return None if finding is None else replace(finding, start=match.start(), end=match.end(), score=0.0)


def _replaced(text: str, findings: Iterable[Finding], names: Placeholders) -> str:
    parts, position = [], 0
    for finding in findings:
        parts += [text[position : finding.start], names.name(finding)]
        position = finding.end
    return "".join([*parts, text[position:]])


def _by_lines(text: str) -> Iterator[Finding]:
    """Findings of a long text, line by line, so that one number does not cost a look at everything. Each line is read
    behind the end of the one before it: messages in a row are joined by line breaks, and "senha do wifi:" may be one of
    them. (Private key blocks cross more lines: their texts stay whole.)"""
    position, before = 0, ""
    for line in text.splitlines(keepends=True):
        if seen := signals(before + line):
            for finding in _candidates(before + line, seen):
                if finding.end > len(before):
                    start = finding.start + position - len(before)
                    yield replace(finding, start=start, end=finding.end + position - len(before))
        position += len(line)
        before = line[-_LINE_END:]


def _candidates(text: str, seen: int) -> Iterator[Finding]:
    """What the recognisers that have a signal find."""
    from aeon_plugin_ft.privacy.recognisers import RECOGNISERS

    source = ScannedText(text)
    for recogniser, needs in RECOGNISERS:
        if seen & needs:
            yield from recogniser(source)


def _outside_escapes(text: str, finding: Finding) -> Finding:
    """In JSON the "n" of an escaped line break is no part of what follows: a tool call must stay valid."""
    start, end = finding.start, finding.end
    backslashes = start - len(text[:start].rstrip("\\"))
    if backslashes % 2:
        start += 5 if text[start] == "u" else 1
    while end > start and text[end - 1] == "\\":
        end -= 1
    return replace(finding, start=start, end=max(start, end))


def _settled(text: str, candidates: list[Finding]) -> list[Finding]:
    """Of candidates that overlap the best score wins, then the longest; what is a placeholder already stays."""
    taken = sorted((match.start(), match.end()) for match in PLACEHOLDER.finditer(text))
    chosen: list[Finding] = []
    # Score, then length, then place: the same candidates give the same findings, in whatever order they came.
    for finding in sorted(candidates, key=lambda f: (-f.score, f.start - f.end, f.start)):
        at = bisect.bisect_left(taken, (finding.start, finding.end))
        free_before = at == 0 or taken[at - 1][1] <= finding.start
        free_after = at == len(taken) or finding.end <= taken[at][0]
        if finding.end > finding.start and free_before and free_after:
            # Kept in order, so that each candidate is compared with its two neighbours only.
            taken.insert(at, (finding.start, finding.end))
            chosen.append(finding)
    return sorted(chosen, key=lambda f: f.start)

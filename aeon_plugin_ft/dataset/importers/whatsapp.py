"""WhatsApp's text export, from Android and iOS, in the languages and with the dates of any phone.

A line without a stamp continues the message above; one with a stamp and no name is a notice. What is a name and which
number is the day is decided by the whole file, which is read twice: once for that, once for the turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.pairing import PairUp
from aeon_plugin_ft.dataset.importers.pasted import Pasted
from aeon_plugin_ft.dataset.importers.people import DIRECTION, Line, People, plain, who_is_who
from aeon_plugin_ft.dataset.importers.placeholders import PICTURE, is_notice, says_notice, typed
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker
from aeon_plugin_ft.dataset.importers.whatsapp_stamps import DayOrder, Stamp, read_stamp, time_of
from aeon_plugin_ft.turns.model import LoggedTurn

LONGEST_NAME = 80
MOST_NAME_WORDS = 7
OTHER_STYLE_LINES = 20
"""Lines of another phone's kind from which they are a part of the file and not something that was pasted."""
NOTICE = "a notice of WhatsApp"
NO_MESSAGE_YET = "text before the first message"
_QUOTES = ('"', "“", "”", "«", "»")


class WhatsApp:
    name = "whatsapp"
    title = "WhatsApp's text export (.txt), Android or iOS"

    def sniff(self, sample: str) -> float:
        """By lines that begin with a stamp; one is enough in a file of three."""
        lines = [line for line in sample.split("\n", 200)[:200] if line.strip()]
        stamped = sum(read_stamp(DIRECTION.sub("", line)) is not None for line in lines)
        return 0.95 if stamped >= 2 or (stamped == 1 and len(lines) <= 3) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each question with its reply."""
        survey = _Survey((reading.owner, reading.assistant))
        for _, line in source.lines():
            survey.see(line)
        names = survey.names()
        roles = who_is_who(names.people, reading, source.path)
        yield from PairUp(TurnMaker(self.name), roles, reading).turns(_lines(source, reading, names))


def _stamped(line: str) -> Stamp | None:
    """The stamp of a line; nearly all lines without one are told by their first character."""
    first = line[:1]
    if first.isdigit() or first == "[":
        return read_stamp(line)
    if first and DIRECTION.match(first):
        return read_stamp(DIRECTION.sub("", line, count=1))
    return None


Style = tuple[bool, bool]
"""Whether the stamp stands in brackets, and whether it has AM or PM: what one phone does the same way throughout."""


@dataclass
class _Style:
    lines: int = 0
    order: DayOrder = field(default_factory=DayOrder)
    names: Counter[str] = field(default_factory=Counter)
    pasted: Pasted = field(default_factory=Pasted)
    bare_names: Counter[str] = field(default_factory=Counter)
    longer: dict[str, str | None] = field(default_factory=dict)
    """Of each name what stood behind it up to a further colon, as long as it was always the same."""
    sure: dict[str, bool] = field(default_factory=dict)
    """Whether it is a part of the name even if it stands there only once."""


@dataclass(slots=True)
class _Names:
    """What the whole file tells: who writes in it, which lines are stamps, which number is the day."""

    people: People
    longer: dict[str, str]
    known: frozenset[str]
    pasted: frozenset[str]
    orders: dict[Style, DayOrder]
    colon: str

    def is_text(self, stamp: Stamp) -> bool:
        """Whether somebody pasted the line: from a phone of another kind, or from a chat of other people."""
        if (stamp.bracketed, stamp.half) not in self.orders:
            return True
        return bool(self.pasted) and _split(stamp.rest, self.colon)[0] in self.pasted

    def split(self, rest: str) -> tuple[str, str] | None:
        """(name, text) of what stands behind a stamp; None for a notice."""
        name, text = _split(rest, self.colon)
        if name not in self.known and name not in self.longer:
            # "Ana:." has no blank behind the colon.
            name, text = _split(rest, ":")
        if name in self.longer:
            behind = self.longer[name]
            name, text = f"{name}: {behind}", text.removeprefix(f"{behind}: ")
        return (name, text) if name in self.known else None


class _Survey:
    """The first reading: whatever may be a name is counted, then those that are none are left out."""

    def __init__(self, given: Iterable[str | None]) -> None:
        self._styles: dict[Style, _Style] = {}
        # What the owner calls a name is one.
        self._given = {plain(name) for name in given if name}

    def see(self, line: str) -> None:
        """One line of the file."""
        stamp = _stamped(line)
        if stamp is None:
            return
        style = self._styles.get((stamp.bracketed, stamp.half))
        if style is None:
            style = self._styles[stamp.bracketed, stamp.half] = _Style()
        style.lines += 1
        style.order.see(stamp)
        name, text = _split(stamp.rest, ": ")
        if not name:
            bare, _ = _split(stamp.rest, ":")
            style.bare_names[bare] += bool(bare)
        elif not is_notice(text) and not style.pasted.take(stamp, name, style.names):
            style.names[name] += 1
            behind = _may_belong_to_name(text) if ": " in text else None
            style.longer[name] = behind if style.longer.get(name, behind) == behind else None
            if behind is not None:
                style.sure[name] = _begins_sentence(text)

    def names(self) -> _Names:
        """Everything together."""
        most = max((style.lines for style in self._styles.values()), default=0)
        total = sum(style.lines for style in self._styles.values())
        styles = {
            key: style for key, style in self._styles.items()
            if style.lines == most or (style.lines >= OTHER_STYLE_LINES and style.lines * 5 >= total)
        }  # fmt: skip
        counts: Counter[str] = Counter()
        pasted = set[str]()
        for style in styles.values():
            style.pasted.finish(style.names)
            counts.update(style.names)
            pasted |= style.pasted.names
        colon = ": "
        if not counts:
            colon = ":"
            for style in styles.values():
                counts.update(style.bare_names)
        longer: dict[str, str] = {}
        for style in styles.values() if colon == ": " else ():
            longer |= {
                name: behind for name, behind in style.longer.items()
                if behind and (style.names[name] > 1 or style.sure[name]) and plain(name) not in self._given
            }  # fmt: skip
        people, known = People(), set[str]()
        for name in counts:
            if not _is_notice(name, counts):
                shown = f"{name}: {longer[name]}" if name in longer else name
                known.add(shown)
                people.add(Line(0, shown, ""), times=counts[name])
        orders = {key: style.order for key, style in styles.items()}
        return _Names(people, longer, frozenset(known), frozenset(pasted - known), orders, colon)


def _split(rest: str, colon: str) -> tuple[str, str]:
    """What may be a name, "" where nothing may, and the text behind it."""
    name, found, text = rest.partition(colon)
    # An empty first line: the message begins on the next one.
    if not found and rest.rstrip().endswith(":"):
        name, found = rest.rstrip()[:-1], ":"
    name = DIRECTION.sub("", name).strip()
    return (name, text) if found and 0 < len(name) <= LONGEST_NAME else ("", rest)


def _may_belong_to_name(text: str) -> str | None:
    """What stands in front of a further colon, where it may be the rest of a name ("Dr. Téo: dentista")."""
    behind, colon, _ = text.partition(": ")
    short = 0 < len(behind) <= 30 and len(behind.split()) <= 4 and behind == behind.strip()
    return behind if colon and short else None


def _begins_sentence(text: str) -> bool:
    """Whether a sentence begins behind the colon and not before it."""
    behind, _, said = text.partition(": ")
    return behind[:1].islower() and said[:1].isupper()


def _is_notice(name: str, counts: Counter[str]) -> bool:
    """Whether these words, which stand where a name would, begin a notice with a colon in it."""
    if any(name.count(quote) % 2 for quote in _QUOTES[:1]) or name.count("“") != name.count("”"):
        return True
    if counts[name] <= 2 and says_notice(name):
        return True
    words = name.split()
    if len(words) > MOST_NAME_WORDS and counts[name] <= 2:
        return True
    # "Rui ..." where Rui writes himself: more than a second name.
    begins = any(" ".join(words[:n]) in counts for n in range(1, len(words) - 3))
    return begins and counts[name] <= 2


def _lines(source: Source, reading: Reading, names: _Names) -> Iterator[Line]:
    """The messages of people, with their continuation lines, and the notices between them."""
    open_: tuple[int, Stamp, str, list[str]] | None = None
    begun = False
    for here, line in source.lines():
        stamp = _stamped(line)
        if stamp is None or names.is_text(stamp):
            if open_ is not None:
                open_[3].append(line)
            elif line.strip() and not begun:
                reading.skip(here, NO_MESSAGE_YET)
            continue
        if open_ is not None:
            yield _message(*open_, names, reading)
        begun = True
        split = names.split(stamp.rest)
        if split is None:
            open_ = None
            reading.skip(here, NOTICE)
            yield Line(here, "", NOTICE, notice=True)
        else:
            open_ = (here, stamp, split[0], [split[1]])
    if open_ is not None:
        yield _message(*open_, names, reading)


def _message(number: int, stamp: Stamp, author: str, parts: list[str], names: _Names, reading: Reading) -> Line:
    whole = parts[0] if len(parts) == 1 else "\n".join(parts)
    text = typed(whole)
    at, when = time_of(stamp, names.orders[stamp.bracketed, stamp.half].month_first)
    if text:
        return Line(number, author, text, at, when=when)
    if is_notice(whole):
        reading.skip(number, NOTICE)
        return Line(number, "", NOTICE, notice=True)
    reading.skip(number, PICTURE)
    return Line(number, author, "", at, when=when, flaw=PICTURE)

"""Tables `claims`, `claims_read`, `claims_due` and `claims_forgotten`: what was said, turn by turn, of which things.

The claims of a turn and the note that it was read change in one transaction, so that a turn is neither skipped nor
counted twice wherever a process dies. What is held to be true of them is decided in holding.py, and not stored.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from aeon_plugin_ft.facts.meaning import meaning, plain
from aeon_plugin_ft.facts.model import MANY, Claim, FactSource, Relation
from aeon_plugin_ft.store import Store

CHANGES = "claims_changes"
"""Under this name the store keeps how often the claims have changed."""
_SALT = "claims_salt"
_COLUMNS = "turn, about, at, place, source, thing, subject, relation, attribute, value, ended, corrects, sure"
_HOLES = ", ".join("?" * 13)
_HEARD = "SELECT heard FROM claims_read WHERE turn = ?"
_REPLIES = "SELECT DISTINCT thing, relation, value FROM claims WHERE source = 'reply'"
WORD_BYTES = 4
"""Of a word that was heard: of ten thousand words two have one hash in one log of a hundred."""
_DISPUTED = "(SELECT r.disputed FROM claims_read r WHERE r.turn = c.turn)"
APART = "\x1f"
"""Between the parts of a thing."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A claim as it was said once. `at` is seconds since the epoch, `place` the order within the turn; `turn` is None
    for what the owner edited; `about` is the turn that a correction is about. `disputed`: in a reply that the owner
    complained about or corrected."""

    claim: Claim
    source: FactSource
    at: float
    turn: str | None = None
    about: str | None = None
    place: int = 0
    disputed: bool = False
    id: int = field(default=0, compare=False)

    @property
    def thing(self) -> str:
        """Mentions of one thing are looked at together."""
        return thing_of(self.claim)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one turn; `mentions` replace those of an earlier reading. `heard` are the words of a turn whose
    reply counts (heard.heard)."""

    turn: str
    mentions: tuple[Mention, ...]
    heard: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Changed:
    """The things of which more or less is said than before, and the number of changes after this one (which counts as
    one, or as none where nothing changed)."""

    things: frozenset[str]
    version: int


def thing_of(claim: Claim) -> str:
    """What a claim is about, without its value: subject, relation and attribute, folded."""
    return APART.join((plain(claim.subject), claim.relation.value, plain(claim.attribute)))


def has_many(claim: Claim) -> bool:
    """Whether the thing may have several values at once; `Claim.key` then tells them apart by value."""
    return claim.relation in MANY and not claim.attribute


class ClaimTable:
    """The SQL of facts/. Safe from any thread, as the store is."""

    def __init__(self, store: Store) -> None:
        self.store = store
        # Both grow with the words and the values of one log.
        self._words: dict[str, bytes] = {}
        self._keys: dict[tuple[str, str], tuple[bytes, ...]] = {}

    # -- reading -------------------------------------------------------------------------------

    def changes(self) -> int:
        """A number that grows whenever the claims change, in whichever process."""
        return int(self.store.fact(CHANGES, 0))

    def mentions(self, things: Collection[str] | None = None) -> list[Mention]:
        """Every mention (of these things), in the order of time."""
        order = "ORDER BY c.at, c.turn, c.place, c.id"
        if things is None:
            return [_mention(row) for row in self.store.rows(f"SELECT c.*, {_DISPUTED} AS bad FROM claims c {order}")]
        rows: list[sqlite3.Row] = []
        for thing in things:
            rows += self.store.rows(f"SELECT c.*, {_DISPUTED} AS bad FROM claims c WHERE thing = ? {order}", thing)
        return [_mention(row) for row in rows]

    def due(self, before: int, limit: int) -> list[tuple[int, str]]:
        """(number, turn) of turns that were not read yet, the last indexed first: what was said a minute ago matters
        more than an old log."""
        rows = self.store.rows("SELECT id, turn FROM claims_due WHERE id < ? ORDER BY id DESC LIMIT ?", before, limit)
        return [(int(row["id"]), str(row["turn"])) for row in rows]

    def was_read(self, turn: str) -> bool:
        """Whether this turn was read, by whichever process."""
        return self.store.row("SELECT 1 FROM claims_read WHERE turn = ?", turn) is not None

    def left_for_model(self, most: int) -> list[str]:
        """Turns in whose owner's words nothing was found, and that no model has read yet; in no order."""
        rows = self.store.rows(
            "SELECT turn FROM claims_read WHERE NOT by_model AND turn NOT IN "
            "(SELECT turn FROM claims WHERE source <> 'reply' AND turn IS NOT NULL) LIMIT ?",
            most,
        )
        return [row["turn"] for row in rows]

    def turns_read(self) -> list[str]:
        """Every turn that was read."""
        return [row["turn"] for row in self.store.rows("SELECT turn FROM claims_read")]

    def opinions(self) -> dict[str, str]:
        """Turn to the digest of the opinion on its reply that was heeded."""
        rows = self.store.rows("SELECT turn, opinion FROM claims_read WHERE opinion <> ''")
        return {row["turn"]: row["opinion"] for row in rows}

    def forgotten(self) -> dict[str, float]:
        """Hash to the moment up to which what was said of it does not count."""
        return {row["hash"]: float(row["at"]) for row in self.store.rows("SELECT hash, at FROM claims_forgotten")}

    def hash_of(self, thing: str, value: str) -> str:
        """Keyed with a number that only this database has: what was forgotten is not given away by a list of names."""
        return hashlib.blake2b(f"{thing}\x1e{value}".encode(), key=self._key(), digest_size=16).hexdigest()

    def _key(self) -> bytes:
        salt = self.store.fact(_SALT)
        if salt is None:
            with self.store.transaction():  # another process may have made it since
                salt = self.store.fact(_SALT) or secrets.token_hex(16)
                self.store.set_fact(_SALT, salt)
        return bytes.fromhex(salt)

    def hash_of_word(self, word: str) -> bytes:
        """Of a word that was heard; keyed like `hash_of`."""
        kept = self._words.get(word)
        if kept is None:
            kept = hashlib.blake2b(word.encode(), key=self._key(), digest_size=WORD_BYTES).digest()
            self._words[word] = kept
        return kept

    def heard(self, word: str | None = None) -> list[tuple[str, bytes]]:
        """The turns whose replies count, with the hashes of their words; only those that may have a word (a hash may
        begin in the middle of another)."""
        rows = (
            self.store.rows("SELECT turn, heard FROM claims_read WHERE NOT disputed AND heard <> x''")
            if word is None
            else self.store.rows(
                "SELECT turn, heard FROM claims_read WHERE NOT disputed AND instr(heard, ?)", self.hash_of_word(word)
            )
        )
        return [(row["turn"], row["heard"]) for row in rows]

    # -- writing -------------------------------------------------------------------------------

    def take_in(self, readings: Sequence[Reading], done: Iterable[int]) -> Changed:
        """Keep what was read in these turns; `done` are their numbers in the queue."""
        with self.store.transaction() as connection:
            touched: set[str] = set()
            for reading in readings:
                kept = self._not_forgotten(reading.mentions)
                touched |= self._replace(connection, "turn = ? AND about IS NULL", (reading.turn,), kept)
                words = b"".join(sorted(map(self.hash_of_word, reading.heard)))
                connection.execute(
                    "INSERT INTO claims_read (turn, heard) VALUES (?, ?) "
                    "ON CONFLICT (turn) DO UPDATE SET heard = excluded.heard, by_model = 0",
                    (reading.turn, words),
                )
            touched |= self._repeated(connection, [reading.turn for reading in readings])
            connection.executemany("DELETE FROM claims_due WHERE id = ?", [(number,) for number in done])
            return self._count(touched)

    def take_in_of_model(self, turn: str, mentions: Sequence[Mention]) -> Changed:
        """Keep what a model read in a turn; nothing of one that was forgotten meanwhile."""
        with self.store.transaction() as connection:
            noted = connection.execute("UPDATE claims_read SET by_model = 1 WHERE turn = ?", (turn,)).rowcount
            kept = self._not_forgotten(mentions) if noted else []
            return self._count(self._replace(connection, "turn = ? AND source = 'model'", (turn,), kept))

    def heed(self, turn: str, opinion: str, mentions: Sequence[Mention]) -> Changed:
        """Note the opinion on a turn's reply ('' for none any more), and what it says is right."""
        with self.store.transaction() as connection:
            touched = self._replace(connection, "about = ?", (turn,), self._not_forgotten(mentions))
            said = connection.execute("SELECT DISTINCT thing FROM claims WHERE turn = ?", (turn,)).fetchall()
            touched |= {row["thing"] for row in said} | self._repeated(connection, [turn])
            connection.execute(
                "UPDATE claims_read SET opinion = ?, disputed = ? WHERE turn = ?", (opinion, bool(opinion), turn)
            )
            return self._count(touched)

    def edit(self, mentions: Sequence[Mention]) -> Changed:
        """Keep what the owner wrote, in place of what they wrote before about the same value of the same thing."""
        touched = {mention.thing for mention in mentions}
        with self.store.transaction() as connection:
            for mention in mentions:
                before = connection.execute(
                    "SELECT * FROM claims WHERE turn IS NULL AND thing = ?", (mention.thing,)
                ).fetchall()
                same = [row["id"] for row in before if not has_many(mention.claim) or _same(row, mention)]
                connection.executemany("DELETE FROM claims WHERE id = ?", [(id,) for id in same])
                _insert(connection, [mention])
            return self._count(touched)

    def bury(self, things: Collection[str], values: Collection[str] | None, at: float) -> Changed:
        """Forget what was said of something up to `at`, under each of its names: these values (meaning.meaning) where
        it may have several, else all."""
        with self.store.transaction() as connection:
            for thing in things:
                for value in ("",) if values is None else values:
                    connection.execute(
                        "INSERT OR REPLACE INTO claims_forgotten VALUES (?, ?)", (self.hash_of(thing, value), at)
                    )
                rows = connection.execute("SELECT * FROM claims WHERE thing = ?", (thing,)).fetchall()
                gone = [(row["id"],) for row in rows if values is None or meaning(_mention(row).claim) in values]
                connection.executemany("DELETE FROM claims WHERE id = ?", gone)
            return self._count(things)

    def forget_turns(self, turns: Collection[str]) -> Changed:
        """Take away what was said in these turns, or of them."""
        with self.store.transaction() as connection:
            touched = self._repeated(connection, turns)
            for turn in turns:
                touched |= self._replace(connection, "turn = ? OR about = ?", (turn, turn), ())
                connection.execute("DELETE FROM claims_read WHERE turn = ?", (turn,))
                connection.execute("DELETE FROM claims_due WHERE turn = ?", (turn,))
            return self._count(touched)

    def read_all_again(self, turns: Iterable[str]) -> Changed:
        """Put these turns into the queue as if none had been read; what the log does not have any more goes."""
        kept = list(turns)
        with self.store.transaction() as connection:
            touched = {row["thing"] for row in connection.execute(_REPLIES)}
            connection.execute("DELETE FROM claims_due")
            connection.execute("DELETE FROM claims_read")
            connection.executemany("INSERT INTO claims_due (turn) VALUES (?)", [(turn,) for turn in kept])
            touched |= self._replace(
                connection, "turn NOT IN (SELECT turn FROM claims_due) OR about IS NOT NULL", (), ()
            )
            return self._count(touched)

    def _replace(
        self, connection: sqlite3.Connection, condition: str, values: tuple[str, ...], mentions: Sequence[Mention]
    ) -> set[str]:
        """Put mentions in the place of those that a condition holds for; the things of either, none for no change."""
        rows = connection.execute(f"SELECT * FROM claims WHERE {condition} ORDER BY place", values).fetchall()
        if [_mention(row) for row in rows] == list(mentions):
            return set()
        connection.execute(f"DELETE FROM claims WHERE {condition}", values)
        _insert(connection, mentions)
        return {row["thing"] for row in rows} | {mention.thing for mention in mentions}

    def _repeated(self, connection: sqlite3.Connection, turns: Collection[str]) -> set[str]:
        """The things of which these turns may say again in passing what a reply told."""
        blobs = [row["heard"] or b"" for turn in turns for row in connection.execute(_HEARD, (turn,))]
        if not any(blobs):
            return set()
        words = {one for blob in blobs for one in hashes(blob)}
        told = connection.execute(_REPLIES).fetchall()
        return {row["thing"] for row in told if not words.isdisjoint(self._keys_of(row["relation"], row["value"]))}

    def _keys_of(self, relation: str, value: str) -> tuple[bytes, ...]:
        keys = self._keys.get((relation, value))
        if keys is None:
            # Here: the host imports this at its start, and what reads words takes time to compile.
            from aeon_plugin_ft.facts.heard import key_words

            keys = tuple(map(self.hash_of_word, key_words(Relation(relation), value)))
            self._keys[relation, value] = keys
        return keys

    def _not_forgotten(self, mentions: Sequence[Mention]) -> list[Mention]:
        """Without those of what the owner forgot; said by the owner again afterwards, it counts again."""
        forgotten = self.forgotten() if mentions else {}
        if not forgotten:
            return list(mentions)

        def counts(mention: Mention) -> bool:
            value = meaning(mention.claim) if has_many(mention.claim) else ""
            until = forgotten.get(self.hash_of(mention.thing, value))
            return until is None or (mention.source is not FactSource.REPLY and mention.at > until)

        return [mention for mention in mentions if counts(mention)]

    def _count(self, touched: Collection[str]) -> Changed:
        version = self.changes() + bool(touched)
        if touched:
            self.store.set_fact(CHANGES, version)
        return Changed(frozenset(touched), version)


def hashes(heard: bytes) -> frozenset[bytes]:
    """The words of a turn, as `ClaimTable.heard` gives them."""
    return frozenset(heard[at : at + WORD_BYTES] for at in range(0, len(heard), WORD_BYTES))


def _same(row: sqlite3.Row, mention: Mention) -> bool:
    return meaning(_mention(row).claim) == meaning(mention.claim)


def _insert(connection: sqlite3.Connection, mentions: Sequence[Mention]) -> None:
    rows = []
    for one in mentions:
        claim = one.claim
        said = (claim.subject, claim.relation.value, claim.attribute, claim.value)
        marks = (int(claim.ended), int(claim.corrects), claim.sure)
        rows.append((one.turn, one.about, one.at, one.place, one.source.value, one.thing, *said, *marks))
    connection.executemany(f"INSERT INTO claims ({_COLUMNS}) VALUES ({_HOLES})", rows)


def _mention(row: sqlite3.Row) -> Mention:
    claim = Claim(
        row["subject"], Relation(row["relation"]), row["value"], row["attribute"], bool(row["ended"]),
        bool(row["corrects"]), float(row["sure"]),
    )  # fmt: skip
    disputed = bool(row["bad"]) if "bad" in row.keys() else False  # noqa: SIM118 - a Row is no mapping
    return Mention(
        claim, FactSource(row["source"]), float(row["at"]), row["turn"], row["about"], int(row["place"]), disputed,
        int(row["id"]),
    )  # fmt: skip

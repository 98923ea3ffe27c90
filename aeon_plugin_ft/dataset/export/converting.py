"""One file to the field's plain JSONL: `{"messages": [user, assistant]}` a line, nothing else.

No curation beyond what makes a line wrong for everybody: only real conversation, and no pair twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aeon_plugin_ft.dataset.importers.importing import ImporterRegistry, open_import
from aeon_plugin_ft.dataset.model import ConvertReport
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.files import whole_file, why_refused
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks.text import strip_think

_say = Speaker("errors/dataset")


def convert(
    source: Path,
    target: Path,
    format: str | None = None,
    *,
    registry: ImporterRegistry | None = None,
    redact_turn: Callable[[Sequence[str]], Callable[[str], str]] | None = None,
    owner: str | None = None,
    assistant: str | None = None,
) -> ConvertReport:
    """Write the conversation in `source` to `target`, whole or not at all.

    UTF-8, not ASCII-escaped, one line a turn. `redact_turn` is given the two texts of a pair, and gives what replaces
    personal data in them. `format`, `owner` and `assistant` as in `import_file`.
    Raises InputFileError when the source cannot be used or the target cannot be written.
    """
    stream = open_import(source, format, registry=registry, owner=owner, assistant=assistant)
    dropped: Counter[str] = Counter()
    try:
        pairs = _pairs(iter(stream), dropped)
        with whole_file(target) as part:
            kept = _write(part, pairs if redact_turn is None else _redacted(pairs, redact_turn))
    except OSError as error:
        raise InputFileError(target, *_say.error("file.not_written", reason=why_refused(error, target))) from error
    reading = stream.reading
    dropped.update(reading.reasons)
    return ConvertReport(
        kept, dict(dropped), tuple(reading.skipped), target, stream.format, stream.notes, reading.skipped_total
    )


def _write(part: Path, pairs: Iterator[tuple[str, str]]) -> int:
    kept = 0
    with part.open("w", encoding="utf-8", newline="\n") as out:
        for user, reply in pairs:
            messages = [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
            out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
            kept += 1
    return kept


def _pairs(turns: Iterator[LoggedTurn], dropped: Counter[str]) -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    for turn in turns:
        if turn.kind is not TurnKind.CHAT:
            dropped[_reason(turn)] += 1
            continue
        # A lone surrogate (a JSON escape can make one) is no text and cannot be written as UTF-8.
        user, reply = _whole(turn.user), _whole(strip_think(turn.reply))
        if not user or not reply:
            dropped[_say("kind.empty")] += 1
        elif hash((user, reply)) in seen:
            dropped[_say("kind.again")] += 1
        else:
            seen.add(hash((user, reply)))
            yield user, reply


def _redacted(
    pairs: Iterator[tuple[str, str]], redact_turn: Callable[[Sequence[str]], Callable[[str], str]]
) -> Iterator[tuple[str, str]]:
    for user, reply in pairs:
        redact = redact_turn((user, reply))
        yield redact(user), redact(reply)


def _reason(turn: LoggedTurn) -> str:
    if turn.kind is TurnKind.CANNED and turn.caller == "module":
        return _say("kind.module")
    return _say(f"kind.{turn.kind.value}")


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").strip()

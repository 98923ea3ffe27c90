"""The usual slips of somebody who writes a plugin.toml for the first time, each with what to write in its place.

A slip is looked for only in a line that cannot be read, or in a value that will not do: what is valid is what it says.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/settings")

_CURLY = {**dict.fromkeys(map(ord, "“”„‟«»"), '"'), **dict.fromkeys(map(ord, "‘’‚‛"), "'")}
_WORDS = {
    **dict.fromkeys(("sim", "s", "yes", "y", "verdadeiro", "verdade", "ligado", "ligada", "on", "true"), "true"),
    **dict.fromkeys(("não", "nao", "n", "no", "falso", "desligado", "desligada", "off", "false"), "false"),
}
"""What people write for yes and no, in lower case."""
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')
_ASSIGNED = re.compile(r"\s*(?P<key>[\w-]+)\s*=\s*(?P<value>.*?)\s*$")
_NOT_ASSIGNED = re.compile(r"\s*(?P<key>[A-Za-z_]\w*)\s*(?:[:\s]\s*)(?P<value>\S.*?)\s*$")
_COMMA = re.compile(r"-?[\d.]*\d,\d+")
_BARE_LIST = re.compile(r"\[[^\"'\[\]{}]*[^\W\d_][^\"'\[\]{}]*\]")
_HEADER = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")


def in_line(line: str) -> str | None:
    """What is wrong with a line that is no TOML, with the line as it should be; None where it is none of these."""
    invisible = _invisible(line)
    if invisible is not None:
        return invisible
    assigned = _ASSIGNED.match(_without_comment(line))
    if assigned is None:
        return _not_assigned(line)
    key, value = assigned["key"], assigned["value"]
    if not value:
        return _say("slip.no_value", key=key)
    straight = value.translate(_CURLY)
    if straight != value and not _QUOTED.fullmatch(value):
        return _say("slip.quotes", line=f"{key} = {straight}")
    return _in_value(key, value)


def _in_value(key: str, value: str) -> str | None:
    word = _WORDS.get(value.lower())
    if word is not None:
        return _say("slip.capital" if value.lower() == word else "slip.yes_no", line=f"{key} = {word}")
    if _COMMA.fullmatch(value):
        return _say("slip.comma", line=f"{key} = {_pointed(value)}")
    if value.startswith('"') and "\\" in value:
        return _backslash(key, value)
    if value[0] in "\"'":
        return None if value.count(value[0]) > 1 else _say("slip.unclosed", line=f"{key} = {value}{value[0]}")
    if _BARE_LIST.fullmatch(value):
        quoted = ", ".join(_quoted(one.strip()) for one in value[1:-1].split(",") if one.strip())
        return _say("slip.no_quotes", line=f"{key} = [{quoted}]")
    if re.match(r"[^\W\d_]|\d{1,2}:\d", value):
        return _say("slip.no_quotes", line=f"{key} = {_quoted(value)}")
    return None


def in_value(key: str, value: Any) -> str | None:
    """What is wrong with a text that stands where true, false or a number belongs."""
    name = key.rpartition(".")[2]
    if not isinstance(value, str):
        return None
    if value.strip().lower() in _WORDS:
        return _say("slip.yes_no", line=f"{name} = {_WORDS[value.strip().lower()]}")
    if _COMMA.fullmatch(value.strip()):
        return _say("slip.comma", line=f"{name} = {_pointed(value.strip())}")
    return None


def in_text(key: str, value: str, line: str) -> str | None:
    """What is wrong with a text that TOML takes and nobody means: a folder whose \\n has become a new line."""
    if not any(ord(letter) < 32 for letter in value):
        return None
    assigned = _ASSIGNED.match(_without_comment(line))
    if assigned is None or "\\" not in assigned["value"]:
        return _say("slip.invisible", name="tab", line=f"{key.rpartition('.')[2]} = ...")
    return _backslash(assigned["key"], assigned["value"])


def twice(text: str) -> tuple[int, str] | None:
    """The line (from 1) where a key or a section is written for the second time, and what to do; None without one."""
    first: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        header, assigned = _HEADER.match(line), _ASSIGNED.match(line)
        if header is not None:
            section = header.group(1)
        elif assigned is None:
            continue
        at = (section, "" if header is not None or assigned is None else assigned["key"])
        if at in first:
            return number, _say("slip.twice", name=at[1] or f"[{section}]", first=first[at], second=number)
        first[at] = number
    return None


def _pointed(number: str) -> str:
    return number.replace(".", "").replace(",", ".")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _backslash(key: str, value: str) -> str:
    inside = value.strip().strip('"')
    return _say("slip.backslash", line=f"{key} = '{inside}'")


def _not_assigned(line: str) -> str | None:
    if line.lstrip().startswith(("[", "#")):
        unclosed = re.fullmatch(r"\s*\[\s*([\w.-]+)\s*", line)
        return None if unclosed is None else _say("slip.bracket", line=f"[{unclosed.group(1)}]")
    found = _NOT_ASSIGNED.match(_without_comment(line))
    return None if found is None else _say("slip.no_equals", line=f"{found['key']} = {found['value']}")


def _invisible(line: str) -> str | None:
    """A character that nobody sees, outside of a text: a second byte-order mark, a space of a web page."""
    bare = _QUOTED.sub("", line)
    for letter in bare:
        if letter not in " \t" and (unicodedata.category(letter) in {"Cf", "Cc"} or letter.isspace()):
            name = f"U+{ord(letter):04X}"
            seen = "".join(" " if one.isspace() else one for one in line if unicodedata.category(one) != "Cf")
            return _say("slip.invisible", name=name, line=" ".join(seen.split()))
    return None


def _without_comment(line: str) -> str:
    texts: list[str] = []

    def keep(found: re.Match[str]) -> str:
        texts.append(found.group())
        return "\0"

    bare = _QUOTED.sub(keep, line).partition("#")[0]
    return re.sub("\0", lambda _: texts.pop(0), bare)

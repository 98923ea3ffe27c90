"""Settings that can be changed by voice: from a spoken wish to a key and value of plugin.toml."""

from __future__ import annotations

from collections.abc import Sequence

HOURS_KEY = "schedule.quiet_hours"
TURNS_KEY = "schedule.every_turns"
AUTOMATIC_KEY = "schedule.enabled"
ANNOUNCE_KEY = "voice.announce"
KEEP_KEY = "serve.keep_versions"
WHERE_KEY = "train.where"

KEYS = (HOURS_KEY, TURNS_KEY, AUTOMATIC_KEY, ANNOUNCE_KEY, KEEP_KEY, WHERE_KEY)

DAWN = "00:00-06:00"
NIGHT = "22:00-06:00"
ALL_NEWS = ("started", "finished", "swapped", "refused", "rolled_back", "attention", "corrected")


def change(topic: str, words: Sequence[str], numbers: Sequence[int]) -> tuple[str, object] | None:
    """(key, value) for one topic of the grammar; None when the numbers make no sense."""
    fixed: dict[str, tuple[str, object]] = {
        "dawn": (HOURS_KEY, DAWN),
        "night": (HOURS_KEY, NIGHT),
        "alone_off": (AUTOMATIC_KEY, False),
        "alone_on": (AUTOMATIC_KEY, True),
        "announce_off": (ANNOUNCE_KEY, ()),
        "announce_on": (ANNOUNCE_KEY, ALL_NEWS),
        "home": (WHERE_KEY, "here"),
    }
    if topic in fixed:
        return fixed[topic]
    if topic == "hours":
        window = _window(words, numbers)
        return (HOURS_KEY, window) if window else None
    return (TURNS_KEY if topic == "every_turns" else KEEP_KEY, numbers[0])


def _window(words: Sequence[str], numbers: Sequence[int]) -> str | None:
    """ "das duas às cinco" as "02:00-05:00"; midnight may be said in words, first or last."""
    hours = list(numbers)
    if "noite" in words and "meia" in words:
        hours.insert(0 if words.index("meia") < len(words) // 2 else 1, 0)
    if len(hours) != 2 or hours[0] == hours[1] or not all(0 <= hour <= 24 for hour in hours):
        return None
    return f"{hours[0] % 24:02d}:00-{hours[1] % 24:02d}:00"

"""Marking replies to questions about facts: tolerant of wording, strict on the value.

marks.py       right, wrong, unsure or invented
holding.py     whether a reply says a value, rather than denying or asking it
readings.py    stems, numbers, times and dates of a text
data/          admissions, yes and no, negations, other names, units
"""

from aeon_plugin_ft.facts.marking.holding import mentions, says
from aeon_plugin_ft.facts.marking.marks import Asks, Mark, admits, mark_reply

__all__ = ["Asks", "Mark", "admits", "mark_reply", "mentions", "says"]

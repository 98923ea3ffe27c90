"""Every recogniser with the signals that it needs. Imported when the first text looks as if it held something."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aeon_plugin_ft.privacy import contact, keys, named_codes, numbers, passwords, places, speech
from aeon_plugin_ft.privacy.model import Finding
from aeon_plugin_ft.privacy.signals import Signal
from aeon_plugin_ft.privacy.text import ScannedText

RECOGNISERS: tuple[tuple[Callable[[ScannedText], Iterator[Finding]], int], ...] = (
    (keys.find_keys, Signal.KEY | Signal.LONG),
    (keys.find_links, Signal.LINK),
    (keys.find_codes, Signal.DIGITS | Signal.FEW_DIGITS | Signal.LONG | Signal.PASSWORD | Signal.ACCOUNT),
    (named_codes.find_named_codes, Signal.DIGITS | Signal.FEW_DIGITS | Signal.PASSWORD | Signal.ACCOUNT),
    (contact.find_emails, Signal.AT),
    (passwords.find_passwords, Signal.PASSWORD),
    (numbers.find_numbers, Signal.DIGITS),
    (speech.find_spoken, Signal.SPOKEN),
    (places.find_addresses, Signal.STREET),
    (places.find_plates, Signal.DIGITS | Signal.FEW_DIGITS | Signal.CAR),
    (places.find_machines, Signal.DIGITS | Signal.FEW_DIGITS | Signal.LONG),
)

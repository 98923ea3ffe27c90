"""Every sentence that the owner may hear."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from aeon_plugin_ft import voice
from aeon_plugin_ft.causes import NotTrained, Refusal, Trouble
from aeon_plugin_ft.voice.catalogue import Catalogue, variants
from aeon_plugin_ft.voice.control import ChangeCause, Phase, Reason, Waiting


def test_every_reason_has_words() -> None:
    assert {f"reason.{reason.value}" for reason in Reason} == {key for key in variants() if key.startswith("reason.")}


def test_sentences_have_several_variants() -> None:
    pieces = ("reason.", "gist.", "refusal.", "trouble.", "not_trained.")
    assert [key for key, found in variants().items() if not key.startswith(pieces) and len(found) < 3] == []


def test_variants_of_one_entry_have_the_same_slots() -> None:
    for key, found in variants().items():
        slots = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in found]
        assert all(names == slots[0] for names in slots), key


def test_sentences_can_be_read_aloud() -> None:
    for key, found in variants().items():
        for text in found:
            assert not re.search(r"[\d*_#`<>/\\|%]", text), (key, text)
            assert len(re.split(r"[.?!]\s", text)) <= 2, (key, text)
            assert len(text) <= 90, (key, text)


def test_variants_take_turns_from_the_seed_on() -> None:
    said = [Catalogue().say("private.on") for _ in range(2)]
    turns = [Catalogue(seed).say("private.on") for seed in range(4)]
    assert said[0] == said[1] == turns[0] == turns[3]
    assert len(set(turns)) == 3
    talker = Catalogue()
    assert [talker.say("private.on") for _ in range(3)] == turns[:3]


def test_a_sentence_begins_with_a_capital() -> None:
    assert Catalogue().say("compare.equal", first="a versão dois", second="o modelo base").startswith("A versão dois")


def test_an_unknown_entry_and_a_missing_slot_are_errors() -> None:
    with pytest.raises(KeyError):
        Catalogue().say("no.such")
    with pytest.raises(KeyError):
        Catalogue().say("model.used")


def test_every_sentence_is_spoken_somewhere() -> None:
    """By its name in the code, or by a name that the code puts together from an enum."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path(voice.__file__).parent.glob("*.py"))
    made = {f"reason.{reason.value}" for reason in Reason} | {f"next.{waiting.value}" for waiting in Waiting}
    made |= {f"why.{cause.value}" for cause in ChangeCause} | {f"status.{phase.value}" for phase in Phase}
    made |= {f"setting.ask_{name}_{switch}" for name in ("automatic", "announce") for switch in ("on", "off")}
    made |= {f"not_trained.{why}" for why in NotTrained}
    made |= {f"refusal.{refusal}" for refusal in Refusal} | {f"trouble.{trouble}" for trouble in Trouble}
    made |= {f"forget.{entry}_many" for entry in ("ask_versions", "done_versions")}
    named = set(re.findall(r"""["']([a-z]+\.[a-z_]+)["']""", source))
    assert set(variants()) - made - named == set()

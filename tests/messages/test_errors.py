"""What goes wrong is told whole in the language of the process, and what importers leave out is, too."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft import errors
from aeon_plugin_ft.causes import EndCause
from aeon_plugin_ft.dataset.advice import advise
from aeon_plugin_ft.dataset.filters import BUILT_IN, COLLECTION, OWNER, in_short
from aeon_plugin_ft.dataset.importers import skipping
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.model import Draft
from aeon_plugin_ft.dataset.quality import judge
from aeon_plugin_ft.install.aeon_folder import read_folder
from aeon_plugin_ft.messages import Language, decimal, entries
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.places.where import parse_where
from aeon_plugin_ft.training.runs import RESUMABLE
from aeon_plugin_ft.training.supervise import child_environment
from tests.conftest import REPOSITORY

IMPORTERS = REPOSITORY / "aeon_plugin_ft" / "dataset" / "importers"
ENGLISH = {"the", "is", "are", "not", "with", "again", "this", "cannot", "train", "training", "line", "there", "needed"}


@pytest.fixture
def portuguese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")


def raised(make: Callable[[], object]) -> str:
    with pytest.raises(errors.AeonFtError) as caught:
        make()
    return str(caught.value)


def thrown(error: errors.AeonFtError) -> Callable[[], object]:
    def throw() -> None:
        raise error

    return throw


@pytest.mark.usefixtures("portuguese")
def test_no_english_is_left_in_an_error(tmp_path: Path) -> None:
    packed = tmp_path / "a.bin"
    packed.write_bytes(b"PK\x03\x04....")
    told = [
        raised(thrown(made))
        for made in (
            errors.RefusedError(["faltam 2,0 GB"]), errors.PlaceBusyError("em uso"), errors.SecretFactError(),
            errors.NoTrainerError(["torch"], "pip install x"), errors.NoConsentError("ssh://ana@casa"),
            errors.LeaseHeldError("training", "v1"), errors.AlreadyLearntError("d", "r"),
            errors.OvertakenError("v0002", "v0001"), errors.DamagedStoreError(tmp_path, "x"),
            errors.NoSpaceError(tmp_path, 3 * 10**9, 1), errors.WhoIsWhoError(tmp_path, [*"abcdefghij"]),
            errors.SettingsError(tmp_path, ["x"]),
        )
    ]  # fmt: skip
    told += [
        raised(lambda: Source(packed)),
        raised(lambda: Source(tmp_path / "none")),
        raised(lambda: Source(tmp_path)),
    ]
    told += [raised(lambda: read_folder(tmp_path)), raised(lambda: parse_where("ftp://x"))]
    advice = advise(Draft((), ()))
    told += [advice.reason, advice.todo]
    for sentence in told:
        words = re.sub(r"`[^`]*`", "", sentence.replace(str(tmp_path), "")).lower().split()
        assert not ENGLISH & {word.strip(".,;:()") for word in words}, sentence


def test_numbers_are_written_as_the_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decimal(1234.5, 1) == "1234.5"
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert decimal(1234.5, 1) == "1234,5"
    assert "2,5 GB" in str(errors.NoSpaceError(Path("d"), 2_500_000_000, 0))


def test_a_line_is_named_in_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(errors.InputFileError("a.txt", "x", "y", line=3)) == "a.txt, line 3: x. y."
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert str(errors.InputFileError("a.txt", "x", "y", line=3)) == "a.txt, linha 3: x. y."


def test_a_run_that_stopped_says_the_noted_reason_in_english_only(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = "the training process ended with code 3 after step 5"
    assert noted in str(errors.RunStoppedError("r", "interrupted", 5, EndCause.DIED, noted))
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    told = errors.RunStoppedError("r", "interrupted", 5, EndCause.DIED, noted)
    assert noted not in str(told) and str(told).startswith("O treino r foi interrompido no passo 5")


def test_each_state_of_a_run_has_its_sentence() -> None:
    said = entries("errors/training")
    ended = {state.value for state in set(RunState) - set(RESUMABLE)}
    assert {key.partition(".")[2] for key in said if key.startswith("cannot_go_on.")} == ended


def test_a_child_speaks_as_its_parent_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert child_environment(1)[ENV_LANGUAGE] == "en"
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert child_environment(1)[ENV_LANGUAGE] == "pt"
    assert os.environ[ENV_LANGUAGE] == "pt"


# -- what is left out ----------------------------------------------------------------------------


def given_reasons() -> set[str]:
    """Every sentence that an importer of ours gives for leaving a piece out."""
    found = set()
    for path in IMPORTERS.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "skip":
                found |= _texts(node.args[1:])
            if isinstance(node, ast.keyword) and node.arg in {"flaw", "refusal"}:
                found |= _texts([node.value])
        constants = [one for one in tree.body if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)]
        found |= _texts([one.value for one in constants if one.targets[0].id.isupper()])  # type: ignore[attr-defined]
        found |= _texts([one.value for one in ast.walk(tree) if isinstance(one, ast.Return) and one.value])
    return found


def _texts(nodes: list[ast.expr]) -> set[str]:
    texts = {one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {text for text in texts if len(text.split()) > 2 and "?" not in text.removesuffix("?)")}  # no SQL


def test_every_reason_of_an_importer_is_in_the_catalogue() -> None:
    known = {texts[Language.EN][0] for texts in entries(skipping.AREA).values()}
    assert given_reasons() ^ known == set()


def test_a_reason_is_told_in_the_language_and_another_plugin_s_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert skipping.in_words("not a JSON object") == "not a JSON object"
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert skipping.in_words("not a JSON object") == "não é um objeto JSON"
    assert skipping.in_words("the heading") == "the heading"


def test_every_filter_has_a_short_word(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*(each.name for each in BUILT_IN), *COLLECTION, *OWNER]
    assert [in_short(name) for name in names] == names
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert all(in_short(name) != name for name in names) and in_short("no_cats") == "no_cats"


def test_every_fault_of_a_reply_has_words() -> None:
    bad = [
        ("o", "N"),
        ("liga", "..."),
        ("o que houve?", "ERRO NA LUZ DA SALA"),
        ("x", "[REMOVIDO] nao entendi, pode " * 9),
    ]
    faults = {fault for user, reply in bad for fault in judge(user, reply).faults}
    faults |= set(judge("fala", "a " * 70).faults)
    words = {texts[Language.EN][0] for key, texts in entries("errors/dataset").items() if key.startswith("fault.")}
    assert len(faults) >= 6 and faults <= words

"""plugin.toml: defaults, validation with file, line, key, reason and nearest key, comments kept, last good kept."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from aeon_plugin_ft.errors import SettingsError
from aeon_plugin_ft.messages import Language
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.panel.views.settings import OWNERS
from aeon_plugin_ft.settings import Settings, SettingsFile, all_keys, default_text, line_of, meaning, parse, sections
from aeon_plugin_ft.settings.problems import toml_sentences
from tests.conftest import REPOSITORY


def test_the_default_file_is_the_defaults() -> None:
    assert parse(default_text(), Path("plugin.toml")) == Settings()


def test_the_file_in_the_repository_is_the_rendered_default() -> None:
    assert (REPOSITORY / "plugin.toml").read_text(encoding="utf-8") == default_text()


def test_every_key_has_a_comment_above_it() -> None:
    lines = default_text().splitlines()
    for key in all_keys():
        line = line_of(default_text(), key)
        assert line is not None
        assert lines[line - 2].startswith("# "), key


def test_the_keys_that_an_owner_cares_about_come_first_in_their_section() -> None:
    for section, model in sections().items():
        own = [key.partition(".")[2] for key in OWNERS if key.startswith(f"{section}.")]
        after = {"enabled"} if f"{section}.enabled" not in OWNERS else set()
        keys = [key for key in model.model_fields if key not in after]
        assert set(keys[: len(own)]) == set(own), section


def test_a_portuguese_file_has_the_same_settings_and_no_english_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    file = SettingsFile.open(tmp_path / "plugin.toml")
    text = file.path.read_text(encoding="utf-8")
    assert file.current == Settings() and "# true: treina também sem a tomada." in text
    english = {line for line in default_text().splitlines() if line.startswith("#")}
    assert english & set(text.splitlines()) == set()
    for key in all_keys():
        line = line_of(text, key)
        assert line is not None and text.splitlines()[line - 2].startswith("# "), key


def test_a_portuguese_comment_names_the_values_that_may_stand_there() -> None:
    text = default_text(Language.PT)
    for section, model in sections().items():
        for key, info in model.model_fields.items():
            if get_origin(info.annotation) is Literal:
                said = meaning(section, key, Language.PT)
                named = [value for value in get_args(info.annotation) if f'"{value}"' in said]
                assert said in text and named, key


def test_an_unknown_key_is_named_with_line_and_nearest_key(tmp_path: Path) -> None:
    path = tmp_path / "plugin.toml"
    path.write_text("[train]\n\nrnak = 8\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        SettingsFile.open(path)
    assert f"{path}, line 3: there is no key train.rnak; the nearest is train.rank" in str(caught.value)


def test_a_bad_value_is_named_with_line_and_reason(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 2: train\.rank = 0 will not do: .*greater than or equal to 1"):
        parse("[train]\nrank = 0\n", tmp_path / "plugin.toml")


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        parse("[train]\nrank = 'x'\nepochs = -1\n[nonsense]\n", tmp_path / "p.toml")
    assert len(caught.value.problems) == 3


def test_text_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 2 is not valid TOML: `rank = 8;`"):
        parse("[train]\nrank = 8;\n", tmp_path / "plugin.toml")


SLIPS = [
    ("[serve]\nbackend = “ollama”\n", 2, '`backend = "ollama"`', "retas", "straight"),
    ("[privacy]\nterms = [‘Ana’, ‘Bia’]\n", 2, "`terms = ['Ana', 'Bia']`", "retas", "straight"),
    ("[schedule]\ncooldown_hours = 10,5\n", 2, "`cooldown_hours = 10.5`", "ponto", "point"),
    ("[schedule]\nidle_minutes = 1.000,5\n", 2, "`idle_minutes = 1000.5`", "ponto", "point"),
    ('[schedule]\ncooldown_hours = "10,5"\n', 2, "`cooldown_hours = 10.5`", "ponto", "point"),
    ("[schedule]\nenabled = sim\n", 2, "`enabled = true`", "sim é true", "yes is true"),
    ("[schedule]\nenabled = Não  # nunca\n", 2, "`enabled = false`", "sim é true", "yes is true"),
    ("[schedule]\nenabled = verdadeiro\n", 2, "`enabled = true`", "sim é true", "yes is true"),
    ('[schedule]\nenabled = "sim"\n', 2, "`enabled = true`", "sim é true", "yes is true"),
    ("[schedule]\nenabled = True\n", 2, "`enabled = true`", "minúsculas", "small letters"),
    ('[base]\nmodel = "C:\\Users\\ana\\modelo"\n', 2, "`model = 'C:\\Users\\ana\\modelo'`", "aspas simples", "single"),
    ('[base]\nmodel = "C:\\novo\\tudo"\n', 2, "`model = 'C:\\novo\\tudo'`", "aspas simples", "single"),
    ("[base]\nmodel = smollm2 # meu\n", 2, '`model = "smollm2"`', "entre aspas", "in quotes"),
    ("[schedule]\nquiet_hours = 01:00-06:00\n", 2, '`quiet_hours = "01:00-06:00"`', "entre aspas", "in quotes"),
    ("[privacy]\nterms = [Ana, casa azul]\n", 2, '`terms = ["Ana", "casa azul"]`', "entre aspas", "in quotes"),
    ('[base]\nmodel = "smollm2\n', 2, '`model = "smollm2"`', "aspas do fim", "at the end"),
    ("[train]\n\ufeffrank = 3\n", 2, "`rank = 3`", "não se vê (U+FEFF)", "cannot be seen (U+FEFF)"),
    ("[train]\nrank\u00a0= 8\n", 2, "`rank = 8`", "não se vê (U+00A0)", "cannot be seen (U+00A0)"),
    ('[base]\nmodel = "a\tb"\n', 2, "(tab)", "não se vê", "cannot be seen"),
    ("[serve]\nrank = 8\n", 2, "[train]", "rank não fica em [serve]", "rank does not belong to [serve]"),
    ("rank = 8\n", 1, "[train]", "rank está sem seção", "rank stands in no section"),
    ("[train]\nrank 8\n", 2, "`rank = 8`", "sinal de igual", "equals sign"),
    ("[train]\nrank: 8\n", 2, "`rank = 8`", "sinal de igual", "equals sign"),
    ("[train]\nrank =\n", 2, "`rank =`", "falta o valor", "is missing"),
    ("[train]\nrank = 8\nseed = 1\nrank = 9\n", 4, "rank", "duas vezes (linhas 2 e 4)", "twice (lines 2 and 4)"),
    ("[train]\nrank = 8\n[train]\nseed = 1\n", 3, "[train]", "duas vezes (linhas 1 e 3)", "twice (lines 1 and 3)"),
    ("[train\nrank = 8\n", 1, "`[train]`", "colchete", "bracket"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "instead", "portuguese", "english"), SLIPS)
def test_a_usual_slip_is_answered_with_what_to_write(
    text: str, line: int, instead: str, portuguese: str, english: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("plugin.toml")
    for language, where, said in (("en", f"line {line}: ", english), ("pt", f"linha {line}: ", portuguese)):
        monkeypatch.setenv("AEON_FT_LANGUAGE", language)
        with pytest.raises(SettingsError) as caught:
            parse(text, path)
        (problem,) = caught.value.problems
        assert problem.startswith(f"plugin.toml, {where}") and said in problem and instead in problem


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
@pytest.mark.parametrize(("text", "line", "instead", "portuguese", "english"), SLIPS)
def test_a_slip_is_found_by_what_another_parser_says(
    text: str, line: int, instead: str, portuguese: str, english: str
) -> None:
    import tomllib

    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        (problem,) = toml_sentences(text, Path("plugin.toml"), error)
        assert problem.startswith(f"plugin.toml, line {line}: ") and english in problem and instead in problem


@pytest.mark.parametrize("text", [
    "[train]\n\trank\t=\t8\n", "[privacy]\nterms = ['“a”', \"d'água\", \"sim, não\", '10,5']  # “curvas”, sim\n",
    "[base]\nmodel = 'C:\\novo\\tudo'\n", '[base]\nmodel = "C:/novo/tudo"\n',
    "[train]\nrank = 8 # rank = 9\n# [train]\n", '[privacy]\nterms = [\n  "rank = 8",\n  "rank = 8 ",\n]\n',
])  # fmt: skip
def test_what_only_looks_like_a_slip_is_taken(text: str) -> None:
    assert parse(text, Path("plugin.toml"))


def test_a_line_that_nobody_understands_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEON_FT_LANGUAGE", "pt")
    with pytest.raises(SettingsError, match=r"plugin\.toml, linha 2: não dá para entender `rank = 8;`"):
        parse("[train]\nrank = 8;\n", tmp_path / "plugin.toml")


def test_a_bad_value_is_told_in_the_language_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEON_FT_LANGUAGE", "pt")
    with pytest.raises(SettingsError) as caught:
        parse('[train]\nrank = 0\nreport_to = "x"\nseed = 1.5\n[privacy]\nterms = "x"\n', Path("p.toml"))
    assert set(caught.value.problems) == {
        "p.toml, linha 2: train.rank = 0 não serve: deve ser 1 ou mais",
        "p.toml, linha 3: train.report_to = \"x\" não serve: deve ser 'none', 'tensorboard' ou 'trackio'",
        "p.toml, linha 4: train.seed = 1.5 não serve: deve ser um número inteiro, sem parte quebrada",
        'p.toml, linha 6: privacy.terms = "x" não serve: deve ser uma lista entre colchetes: []',
    }
    assert str(caught.value).endswith("Continuam valendo os últimos ajustes bons.")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plugin.toml"
    path.write_bytes("[privacy]\nterms = ['João']\n".encode("cp1252"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        SettingsFile.open(path)


def test_opening_writes_the_commented_default_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plugin.toml"
    assert SettingsFile.open(path).current == Settings()
    assert path.read_text(encoding="utf-8") == default_text()


def test_an_invalid_edit_keeps_the_last_good_settings(tmp_path: Path) -> None:
    file = SettingsFile.open(tmp_path / "plugin.toml")
    file.set("train.rank", 8)
    file.path.write_text("[train]\nrank = 'many'\n", encoding="utf-8")
    assert file.reload() is False
    assert file.current.train.rank == 8
    assert file.error is not None
    file.path.write_text("[train]\nrank = 4\n", encoding="utf-8")
    assert file.reload() is True
    assert (file.current.train.rank, file.error) == (4, None)


def test_setting_a_key_keeps_every_comment(tmp_path: Path) -> None:
    file = SettingsFile.open(tmp_path / "plugin.toml")
    file.set("schedule.every_turns", 500)
    text = file.path.read_text(encoding="utf-8")
    assert text == default_text().replace("every_turns = 1000", "every_turns = 500")


def test_a_value_that_will_not_do_changes_nothing(tmp_path: Path) -> None:
    file = SettingsFile.open(tmp_path / "plugin.toml")
    with pytest.raises(SettingsError):
        file.set("train.rank", -3)
    with pytest.raises(SettingsError, match=r"nearest is train\.rank"):
        file.set("train.ranc", 3)
    assert file.path.read_text(encoding="utf-8") == default_text()


def test_a_change_to_a_file_with_a_mistake_in_it_names_the_mistake(tmp_path: Path) -> None:
    path = tmp_path / "plugin.toml"
    file = SettingsFile.open(path)
    path.write_text("[train\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="bracket at the end is missing"):
        file.set("train.rank", 8)
    assert path.read_text(encoding="utf-8") == "[train\n"


def test_a_change_that_cannot_be_written_is_not_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SettingsFile.open(tmp_path / "plugin.toml")
    before = file.current

    def full(*_: object) -> None:
        raise SettingsError(file.path, ["the disk is full"])

    monkeypatch.setattr(file, "_write", full)
    with pytest.raises(SettingsError):
        file.set("train.rank", before.train.rank + 1)
    assert file.current == before


def test_a_change_while_the_file_is_being_read_again_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host reads the file again every second, in another thread than the owner speaks in."""
    file = SettingsFile.open(tmp_path / "plugin.toml")
    reading, go_on = threading.Event(), threading.Event()

    def slowly(text: str, path: Path) -> Settings:
        if threading.current_thread() is reader:
            reading.set()
            assert go_on.wait(60)
        return parse(text, path)

    monkeypatch.setattr("aeon_plugin_ft.settings.file.parse", slowly)
    reader = threading.Thread(target=file.reload)
    owner = threading.Thread(target=file.set, args=("gate.canary_turns", 12))
    reader.start()
    assert reading.wait(60)
    owner.start()
    owner.join(0.2)
    go_on.set()
    for thread in (reader, owner):
        thread.join(60)
    assert file.current.gate.canary_turns == 12


@pytest.mark.parametrize(("old", "new"), [("trained", "always"), ("host", "never")])
def test_a_value_of_an_earlier_release_counts_as_what_it_is_called_now_and_is_noted(
    tmp_path: Path, old: str, new: str
) -> None:
    path = tmp_path / "plugin.toml"
    path.write_text(f'# mine\n[serve]\nprefer = "{old}"\n', encoding="utf-8")
    file = SettingsFile.open(path)
    assert file.current.serve.prefer == new
    assert file.notes == (f'{path}, line 3: serve.prefer = "{old}" is called "{new}" now',)
    file.set("serve.prefer", new)
    assert file.notes == ()
    path.write_text(f'[serve]\nprefer = "{old}"\n', encoding="utf-8")
    assert not file.reload() and len(file.notes) == 1


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().train.rank = 3  # type: ignore[misc]

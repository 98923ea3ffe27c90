"""Into an Aeon folder and out again: whole, idempotent, exact."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from aeon_plugin_ft.cli import place
from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.extras import origin, pip_command
from aeon_plugin_ft.install import check, install, uninstall
from aeon_plugin_ft.install.aeon_folder import find_python, read_folder
from aeon_plugin_ft.install.remembered import note_file, remembered_aeon
from aeon_plugin_ft.install.template import MANIFEST, MODULE, MODULE_TEXT
from aeon_plugin_ft.store import DataFolder
from hooks.door import REPORT
from tests.windows import refuse_deletes

MINIATURE = Path(__file__).parent.parent / "host" / "aeon"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "Área de Trabalho" / "Meu Aeon (cópia)"
    shutil.copytree(MINIATURE, made)
    return made


def tree(root: Path) -> dict[str, str]:
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "folder"
        for file in root.rglob("*")
    }


def test_install_writes_the_module_and_a_manifest_and_nothing_else(root: Path) -> None:
    before = tree(root)
    report = install(root)
    after = tree(root)
    assert {name: after[name] for name in before} == before
    assert {Path(name) for name in after.keys() - before.keys()} == {
        Path("modules/finetuning"),
        Path(MODULE),
        Path(MANIFEST),
    }
    assert report.wrote == (root / MODULE, root / MANIFEST) and str(root) in str(report)
    listed = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    assert listed["files"] == {MODULE: hashlib.sha256((root / MODULE).read_bytes()).hexdigest()}


def test_installing_again_changes_nothing(root: Path) -> None:
    install(root)
    before = tree(root)
    report = install(root)
    assert report.wrote == () and "already" in str(report)
    assert tree(root) == before


def test_an_older_module_of_ours_is_brought_up_to_date(root: Path) -> None:
    install(root)
    old = b"# an older version\n"
    (root / MODULE).write_bytes(old)
    manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][MODULE] = hashlib.sha256(old).hexdigest()
    (root / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert install(root).wrote
    assert (root / MODULE).read_text(encoding="utf-8") == MODULE_TEXT


def test_uninstall_leaves_the_folder_as_it_was(root: Path) -> None:
    before = tree(root)
    install(root)
    compiled = root / "modules/finetuning/__pycache__/finetuning_mod.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"made by Python")
    report = uninstall(root)
    assert tree(root) == before and set(report.removed) == {root / MODULE, root / MANIFEST}


def test_uninstall_keeps_the_data_unless_told_otherwise(root: Path) -> None:
    install(root)
    log = root / "bagagem/finetuning/log/000001.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("{}\n", encoding="utf-8")
    assert "--purge" in str(uninstall(root)) and log.exists()
    report = uninstall(root, purge=True)
    assert not log.exists() and (root / "bagagem").exists()
    assert root / "bagagem/finetuning" in report.removed


def test_a_folder_with_other_things_in_it_is_never_deleted(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(root)
    home = tmp_path / "home"
    (home / "log").mkdir(parents=True)
    (home / "thesis.tex").touch()
    monkeypatch.setenv("AEON_FT_DATA", str(home))
    report = uninstall(root, purge=True)
    assert (home / "thesis.tex").exists() and home not in report.removed and f"{home} is kept" in str(report)


def test_data_that_is_open_elsewhere_for_a_moment_is_deleted_later(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(root)
    (root / "bagagem/finetuning").mkdir(parents=True)
    with monkeypatch.context() as windows:
        tried = refuse_deletes(windows)
        uninstall(root, purge=True)
    assert len(tried) == 3 and not (root / "bagagem/finetuning").exists()


def test_a_changed_module_is_never_overwritten_nor_deleted(root: Path) -> None:
    install(root)
    (root / MODULE).write_text("# meu código\n", encoding="utf-8")
    with pytest.raises(InstallError, match="not written by this plugin"):
        install(root)
    report = uninstall(root)
    assert report.kept == (root / MODULE,) and (root / MODULE).exists() and "left as it is" in str(report)


def test_uninstalling_what_is_not_there_says_how_to_install(root: Path) -> None:
    with pytest.raises(InstallError, match="aeon-ft install"):
        uninstall(root)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda r: (r / "main.py").unlink(), "main.py is missing"),
        (lambda r: (r / "core/brain.py").write_text("class Other: ...", encoding="utf-8"), "no AeonBrain.pensar"),
        (lambda r: (r / "core/module_manager.py").write_bytes(b"\xff\xfe("), "no ModuleManager.route_command"),
        (shutil.rmtree, "is not a folder"),
    ],
)
def test_a_folder_that_is_no_aeon_is_refused_with_the_reason(root: Path, damage: object, says: str) -> None:
    damage(root)  # type: ignore[operator]
    with pytest.raises(InstallError, match=says):
        install(root)
    assert not (root / MODULE).exists()


def test_a_python_that_cannot_import_the_plugin_is_refused_with_the_command(root: Path) -> None:
    broken = root / "aeon_plugin_ft"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('velho')", encoding="utf-8")
    with pytest.raises(InstallError, match=rf"velho.*-m pip install {re.escape(origin())}\."):
        install(root)
    assert not (root / "modules/finetuning").exists()


def test_a_python_that_lacks_a_requirement_is_refused_by_its_name(root: Path) -> None:
    stale = root / "aeon_plugin_ft-0.1.0.dist-info"
    stale.mkdir()
    (stale / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: aeon-plugin-ft\nVersion: 0.1.0\nRequires-Dist: pluggy>=1\n"
        "Requires-Dist: nao-existe>=2\nRequires-Dist: torch; extra == 'train'\n",
        encoding="utf-8",
    )
    with pytest.raises(InstallError, match="it lacks nao-existe\\)"):
        install(root)


def test_a_python_that_does_not_run_is_refused(root: Path) -> None:
    with pytest.raises(InstallError, match="cannot be run"):
        install(root, python=root / "no-such-python")


def test_the_python_of_a_virtual_environment_in_the_folder_is_taken(root: Path) -> None:
    assert find_python(root) == Path(sys.executable)
    own = root / "venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert find_python(root) == own
    windows = root / ".venv" / "Scripts" / "python.exe"
    windows.parent.mkdir(parents=True)
    windows.touch()
    assert find_python(root) == windows


def test_line_ends_do_not_matter_to_the_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [root / f"core/{name}.py" for name in ("brain", "module_manager", "main_gui_logic")]
    key = tuple(hashlib.sha256(f.read_bytes().replace(b"\r", b"")).hexdigest()[:16] for f in files)
    monkeypatch.setitem(__import__("aeon_plugin_ft.install.aeon_folder").install.aeon_folder._KNOWN, key, "mini")
    for file in files:
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert read_folder(root).version == "mini"


def test_the_module_is_ascii_and_compiles() -> None:
    MODULE_TEXT.encode("ascii")
    compile(MODULE_TEXT, MODULE, "exec")


def findings(root: Path) -> dict[str, tuple[bool, str]]:
    return {f.name: (f.ok, f.mend) for f in check(root)}


def test_check_names_each_fault_with_the_command_that_mends_it(root: Path) -> None:
    found = findings(root)
    assert found["folder"] == (True, "") and found["python"] == (True, "")
    assert found["module"] == (False, f'aeon-ft install "{root}"')
    assert found["door"] == (False, f'python "{root / "main.py"}"')
    assert found["chromadb"][0] is False and found["chromadb"][1].endswith("-m pip install chromadb")
    install(root)
    assert findings(root)["module"] == (True, "")
    (root / MODULE).write_text("# other\n", encoding="utf-8")
    assert findings(root)["module"][0] is False


def test_check_sees_a_byte_order_mark_in_the_key_file(root: Path) -> None:
    assert "key" not in findings(root)
    (root / ".env").write_bytes(b"\xef\xbb\xbfGROQ_KEY=x")
    assert findings(root)["key"][0] is False
    (root / ".env").write_bytes(b"GROQ_KEY=x")
    assert "key" not in findings(root)


def test_check_tells_what_was_mended_while_aeon_ran(root: Path) -> None:
    data = root / "bagagem/finetuning"
    data.mkdir(parents=True)
    note = {
        "opened_at": 0,
        "python": "3.12.6",
        "messages_seen": False,
        "repairs": {"window": "x", "rest": "it was broken"},
    }
    (data / REPORT).write_text(json.dumps(note), encoding="utf-8")
    found = {f.name: f for f in check(root)}
    assert found["door"].ok and "3.12.6" in found["door"].detail
    assert found["repair window"].ok and "no sentence reached the brain" in found["repair window"].detail
    assert found["repair rest"].detail == "mended while Aeon runs: it was broken", "one of another release"
    assert not found["brain"].ok


def test_check_of_no_aeon_is_one_finding(tmp_path: Path) -> None:
    (found,) = check(tmp_path / "nada")
    assert not found.ok and "is not a folder" in found.detail


def test_commands_elsewhere_work_with_the_aeon_that_was_installed_into_last(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def data() -> Path:
        assert main(["status", "--json"]) == 0
        return Path(json.loads(capsys.readouterr().out)["data"])

    elsewhere = data()
    install(root)
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda *_, **__: str(elsewhere))
    install(root)
    assert not DataFolder(elsewhere).shared, "on Windows and macOS the note lies among the data"
    assert remembered_aeon() == root and data() == root / "bagagem" / "finetuning"
    main(["doctor", "--json"])
    assert any(s["name"] == "aeon: module" and s["ok"] for s in json.loads(capsys.readouterr().out))
    assert main(["--data", str(tmp_path / "named"), "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == str(tmp_path / "named")
    with monkeypatch.context() as environment:
        environment.setenv("AEON_FT_DATA", str(tmp_path / "by the environment"))
        assert data() == tmp_path / "by the environment"
    second = tmp_path / "second"
    shutil.copytree(MINIATURE, second)
    install(second)
    uninstall(root)
    assert remembered_aeon() == second, "taking it out of another one changes nothing"
    uninstall(second)
    assert remembered_aeon() is None and not note_file().exists() and data() == elsewhere


def test_an_aeon_that_is_gone_or_a_damaged_note_is_no_place_to_work(root: Path) -> None:
    assert remembered_aeon() is None
    install(root)
    shutil.rmtree(root)
    assert remembered_aeon() is None
    for damaged in ("", "[]", "{}", '{"aeon": 3}'):
        note_file().write_text(damaged)
        assert remembered_aeon() is None


def python_that_ends_with(code: int, folder: Path) -> Path:
    """A program that stands for a Python, and answers whether it has what an Aeon imports first."""
    folder.mkdir(parents=True)
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)
    return program


@pytest.fixture(params=["pipx_metadata.json", "uv-receipt.toml"])
def own_environment(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`pipx install` or `uv tool install` has made one for the command."""
    prefix = tmp_path / "environment"
    prefix.mkdir()
    (prefix / request.param).touch()
    monkeypatch.setattr(sys, "prefix", str(prefix))
    pip_command.cache_clear()
    yield prefix
    pip_command.cache_clear()


@pytest.mark.skipif(sys.platform == "win32", reason="scripts stand for Pythons")
def test_a_command_in_an_environment_of_its_own_takes_the_python_that_can_run_an_aeon(
    root: Path, own_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_that_ends_with(0, own_environment / "bin")
    python_that_ends_with(1, tmp_path / "bare")
    right = python_that_ends_with(0, tmp_path / "system")
    folders = [own_environment / "bin", tmp_path / "gone", tmp_path / "bare"]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, [*folders, right.parent])))
    assert find_python(root) == right
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
    with pytest.raises(InstallError, match=rf'aeon-ft install "{re.escape(str(root))}" --python PYTHON'):
        install(root)
    assert not (root / MODULE).exists()
    assert next(f for f in check(root) if f.name == "python").ok is False


def test_the_python_that_was_named_stays_the_one_of_this_aeon(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(sys.executable).parent)
    install(root, Path(Path(sys.executable).name))
    before = tree(root)
    assert install(root).wrote == () and tree(root) == before
    own = root / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert find_python(root).samefile(sys.executable)


def test_a_python_that_nobody_named_gives_way_to_a_virtual_environment_and_else_is_kept(
    root: Path, own_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(sys, "prefix", sys.base_prefix)
        install(root)
    monkeypatch.setenv("PATH", "")
    assert find_python(root) == Path(sys.executable)
    own = root / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert find_python(root) == own


def test_naming_another_python_later_is_noted(root: Path) -> None:
    install(root)
    report = install(root, Path(sys.executable))
    assert report.wrote and json.loads((root / MANIFEST).read_text(encoding="utf-8"))["python_named"] is True


def test_a_name_alone_is_a_program_on_the_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert install(root, Path(Path(sys.executable).stem)).python == Path(sys.executable)


def test_in_a_python_without_the_plugin_the_module_says_what_to_run(root: Path, tmp_path: Path) -> None:
    install(root)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from modules.finetuning.finetuning_mod import FinetuningModule as Module\n"
        "module = Module({}); print(module.on_load(), module.process('oi'))\n"
    )
    # Without site-packages; and on a console that has no letter of the folder's name.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(root)],
        cwd=tmp_path, capture_output=True, encoding="ascii", env={**environment, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    told, loaded = done.stdout.splitlines()
    assert loaded == "True None" and done.stderr == ""
    shown = str(root).encode("ascii", "replace").decode()
    assert told.endswith(f'nao tem o plugin; rode: aeon-ft install "{shown}" --python "{sys.executable}"')


def test_what_the_training_needs_is_asked_of_the_aeons_own_python(
    root: Path, own_environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Path | None] = []

    def missing(python: Path | None = None) -> list[str]:
        asked.append(python)
        return ["torch"]

    monkeypatch.setattr(place, "missing_for_training", missing)
    assert main(["install", str(root), "--python", sys.executable]) == 0
    monkeypatch.setattr(place, "interpreter", lambda: own_environment / "bin" / "python")
    assert main(["install", str(root)]) == 0
    here, there = (line for line in capsys.readouterr().out.splitlines() if "torch" in line)
    assert asked == [None, Path(sys.executable)]
    assert re.search("pipx inject aeon-plugin-ft|uv pip install --python", here)
    assert f'"{sys.executable}" -m pip install' in there

"""The installer for a person who is no programmer: what it finds, what it runs, and what it says when it cannot."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from aeon_plugin_ft.install import bootstrap, pip, running, torch_wheels
from aeon_plugin_ft.install.aeon_folder import find_python
from aeon_plugin_ft.install.bootstrap import Setup, examine
from aeon_plugin_ft.install.looking import find_aeons
from aeon_plugin_ft.install.pip import meaning
from aeon_plugin_ft.install.spoken import Problem, SetupError, every_sentence, sentences, typed
from aeon_plugin_ft.install.torch_wheels import INDEX, Card, find_card, indexes, pinned
from aeon_plugin_ft.messages import Language
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.voice.matcher import match
from tests.conftest import REPOSITORY

MINIATURE = REPOSITORY / "tests" / "host" / "aeon"
INSTALL = REPOSITORY / "aeon_plugin_ft" / "install"


@pytest.fixture(autouse=True)
def portuguese(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is mostly a Brazilian who installs it."""
    monkeypatch.setenv(ENV_LANGUAGE, "pt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "Área de Trabalho" / "Meu Aeon"
    shutil.copytree(MINIATURE, made)
    return made


class Computer:
    """Every program that the installer runs, with what it would print; nothing is installed."""

    def __init__(self) -> None:
        self.run: list[list[str]] = []
        self.told: dict[str, Any] = {
            "version": [3, 12, 1], "wide": True, "torch": None, "pip": True, "venv": True, "managed": False,
        }  # fmt: skip
        self.fails: Callable[[Sequence[str]], str | None] = lambda _: None

    def ask(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[1] == "-c":
            return subprocess.CompletedProcess(command, 0, json.dumps(self.told), "")
        self.run.append(list(command[1:]))
        error = self.fails(command)
        return subprocess.CompletedProcess(command, 0 if error is None else 1, "", error or "")


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Computer:
    made = Computer()
    monkeypatch.setattr(running, "ask", made.ask)
    monkeypatch.setattr(bootstrap, "indexes", lambda card: indexes(card, "Linux", "x86_64"))
    return made


def set_up(root: Path | None, said: list[str] | None = None, **changes: Any) -> None:
    say = (said if said is not None else []).append
    Setup(str(REPOSITORY), root, **{"python": Path(sys.executable), "card": lambda: None, "say": say, **changes}).run()


def packages(computer: Computer) -> list[list[str]]:
    return [command[5:] for command in computer.run if command[1] == "pip"]


PLUGIN = [f"aeon-plugin-ft[train] @ {REPOSITORY.as_uri()}"]


def test_pytorch_then_the_plugin_then_the_module_and_what_to_say_first(root: Path, computer: Computer) -> None:
    said: list[str] = []
    set_up(root, said)
    version = pinned((REPOSITORY / "constraints.txt").read_text(encoding="utf-8"))
    assert version is not None
    assert packages(computer) == [[f"torch=={version}", "--index-url", f"{INDEX}/cpu"], PLUGIN]
    assert computer.run[-1] == ["-m", "aeon_plugin_ft.cli", "install", str(root), "--python", sys.executable]
    assert str(root) in said[0] and "ambiente virtual" in said[1]
    (spoken,) = re.findall('diga: "(.+?)"', "\n".join(said))
    assert match(spoken) is not None, "Aeon understands what the person is told to say"


def test_a_second_time_downloads_no_pytorch(root: Path, computer: Computer) -> None:
    computer.told["torch"] = "2.13.0+cpu"
    said: list[str] = []
    set_up(root, said)
    assert packages(computer) == [PLUGIN] and "já está instalado" in "\n".join(said)
    set_up(root, said, card=lambda: Card("RTX 3060", (12, 8)))
    assert "só usa o processador" in "\n".join(said)
    computer.told["torch"] = "1.13.1"
    set_up(root)
    assert packages(computer)[-2][0].startswith("torch==")


def test_where_pytorchs_own_place_has_none_the_usual_one_is_tried(root: Path, computer: Computer) -> None:
    computer.fails = lambda command: "No matching distribution found" if "--index-url" in command else None
    said: list[str] = []
    set_up(root, said)
    assert [one[1:2] for one in packages(computer)] == [["--index-url"], [], []] and "tentando outro" in "\n".join(said)
    computer.fails = lambda command: "No space left on device"
    with pytest.raises(SetupError) as full:
        set_up(root)
    assert full.value.problem is Problem.NO_SPACE


def test_a_trial_changes_nothing_and_says_each_command(root: Path, computer: Computer) -> None:
    said: list[str] = []
    set_up(root, said, dry_run=True)
    assert computer.run == [] and "Nada foi mudado" in said[-1]
    would = [line for line in said if "faria:" in line]
    assert len(would) == 3 and "torch==" in would[0] and "aeon-plugin-ft" in would[1] and "install" in would[2]


@pytest.mark.parametrize(
    ("source", "requirement"),
    [
        ("https://example.org/aeon_plugin_ft-1-py3-none-any.whl", "https://example.org/aeon_plugin_ft-1-py3-none-any.whl"),
        ("{tmp}/um lugar/aeon_plugin_ft-1-py3-none-any.whl", "{uri}/um%20lugar/aeon_plugin_ft-1-py3-none-any.whl"),
    ],
)  # fmt: skip
def test_a_wheel_or_an_address_may_be_named(
    source: str, requirement: str, root: Path, computer: Computer, tmp_path: Path
) -> None:
    (tmp_path / "um lugar").mkdir()
    (tmp_path / "um lugar/aeon_plugin_ft-1-py3-none-any.whl").touch()
    Setup(source.format(tmp=tmp_path), root, Path(sys.executable), card=lambda: None, say=lambda _: None).run()
    assert packages(computer)[-1] == [f"aeon-plugin-ft[train] @ {requirement.format(uri=tmp_path.as_uri())}"]


# -- which Aeon ------------------------------------------------------------------------------------


def test_the_only_aeon_of_the_computer_is_found(root: Path, computer: Computer, tmp_path: Path) -> None:
    (tmp_path / "Área de Trabalho" / "outra coisa").mkdir()
    (tmp_path / "Área de Trabalho" / "outra coisa" / "main.py").touch()
    set_up(None, places=[tmp_path, tmp_path / "nowhere", root])
    assert str(root) in computer.run[-1]


def test_the_plugins_own_folder_is_no_aeon(tmp_path: Path) -> None:
    assert find_aeons([MINIATURE.parent, MINIATURE]) == [MINIATURE]
    assert find_aeons([REPOSITORY.parent], but=REPOSITORY, seconds=0.0) == []
    assert find_aeons([MINIATURE.parent], but=MINIATURE) == []


def test_folders_that_may_not_be_entered_are_passed_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home of another user beside one's own."""
    closed, stat = root.parent / "bob", Path.stat
    closed.mkdir()

    def refuse(path: Path, **options: Any) -> os.stat_result:
        if closed in path.parents:
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    assert find_aeons([root.parent]) == [root]


def test_of_several_one_is_chosen_by_number_and_without_a_person_none(root: Path, computer: Computer) -> None:
    second = root.parent / "Outro Aeon"
    shutil.copytree(root, second)
    with pytest.raises(SetupError) as several:
        set_up(None, places=[root.parent])
    assert several.value.problem is Problem.SEVERAL_AEONS
    assert str(root) in str(several.value) and str(second) in str(several.value)
    answers = iter(["9", "dois", "2"])
    set_up(None, places=[root.parent], answer=lambda _: next(answers))
    assert str(second) in computer.run[-1]
    with pytest.raises(SetupError, match="Parei"):
        set_up(None, places=[root.parent], answer=lambda _: "")


def test_where_none_is_found_the_person_is_asked(root: Path, computer: Computer) -> None:
    set_up(None, places=[], answer=lambda _: f'"{root}"')
    assert str(root) in computer.run[-1]
    for nobody in (None, lambda _: ""):
        with pytest.raises(SetupError) as none:
            set_up(None, places=[], answer=nobody)
        assert none.value.problem is Problem.NO_AEON


# -- what can go wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("OSError: [Errno 28] No space left on device", Problem.NO_SPACE),
        ("[WinError 112] There is not enough space on the disk", Problem.NO_SPACE),
        ("getaddrinfo failed'))': /simple/x/\nERROR: No matching distribution found for x", Problem.OFFLINE),
        ("ERROR: No matching distribution found for torch==2.13.0", Problem.NO_PACKAGE),
        ("ERROR: Could not install packages: [WinError 5] Access is denied: 'C:\\\\Python'", Problem.NO_RIGHTS),
        ("error: externally-managed-environment", Problem.MANAGED_PYTHON),
        ("error: subprocess-exited-with-error", Problem.PIP_FAILED),
    ],
)
def test_what_pip_says_becomes_one_sentence_with_a_next_step(
    output: str, problem: Problem, root: Path, computer: Computer
) -> None:
    assert meaning(output) is problem
    computer.told["torch"] = "2.13.0"
    computer.fails = lambda command: output if "pip" in command else None
    with pytest.raises(SetupError) as failed:
        set_up(root)
    assert failed.value.problem is problem and len(str(failed.value).splitlines()) == 1
    kept = re.search(r"(\S+pip\.log)", str(failed.value))
    if kept is not None:
        assert Path(kept[1]).read_text(encoding="utf-8") == output
        shutil.rmtree(Path(kept[1]).parent)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"version": [3, 9, 18]}, Problem.OLD_PYTHON),
        ({"wide": False}, Problem.NARROW_PYTHON),
        ({"managed": True, "venv": False}, Problem.MANAGED_PYTHON),
        ({"pip": False}, Problem.NO_PIP),
    ],
)
def test_a_python_that_will_not_do_is_refused_before_anything_is_installed(
    told: dict[str, Any], problem: Problem, root: Path, computer: Computer
) -> None:
    computer.told.update(told)
    with pytest.raises(SetupError) as refused:
        set_up(root)
    assert refused.value.problem is problem and computer.run == []


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 7, 16), (3, 9, 18)])
def test_one_that_is_much_too_old_says_so_too(version: tuple[int, ...], tmp_path: Path) -> None:
    """Python 3.7 has no importlib.metadata."""
    old = f"import sys; sys.modules['importlib.metadata'] = None; sys.version_info = {version}; "
    code = f"{old}exec({bootstrap._EXAMINE!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["version"] == list(version)
    told = {"version": list(version), "wide": True}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SetupError) as old_python:
        patch.setattr(running, "ask", lambda *_, **__: subprocess.CompletedProcess([], 0, json.dumps(told), ""))
        examine(tmp_path / "python", tmp_path)
    assert old_python.value.problem is Problem.OLD_PYTHON


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands for a broken Python")
def test_a_python_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho No Python at /gone >&2\nexit 103\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(SetupError, match="No Python at /gone") as broken:
        examine(tmp_path / "python", tmp_path)
    assert broken.value.problem is Problem.BROKEN_PYTHON


@pytest.mark.skipif(sys.platform == "win32", reason="there a virtual environment holds no links")
def test_a_virtual_environment_whose_python_is_gone_is_named(root: Path, computer: Computer) -> None:
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").symlink_to(root / "gone")
    assert find_python(root) == root / ".venv/bin/python"
    (root / "venv/bin").mkdir(parents=True)
    (root / "venv/bin/python").symlink_to(sys.executable)
    assert find_python(root) == root / "venv/bin/python"


def test_nothing_in_the_folder_of_temporary_files_is_run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Linux everybody may put a json.py or a pip.py into /tmp."""
    pytest.importorskip("pip")
    (tmp_path / "json.py").write_text("raise SystemExit('somebody else ran')")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert examine(Path(sys.executable), tmp_path).version == sys.version_info[:3]
    assert not list(tmp_path.glob("aeon-ft-*"))


def test_a_disk_that_is_full_to_the_brim_is_said(
    root: Path, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    computer.fails = lambda _: "some lines\nOSError: [Errno 28] No space left on device"
    with monkeypatch.context() as patch, pytest.raises(SetupError, match=r"Errno 28") as unkept:
        patch.setattr(pip, "tempfile", SimpleNamespace(mkdtemp=full))
        set_up(root)
    assert unkept.value.problem is Problem.NO_SPACE
    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    with pytest.raises(SetupError) as none:
        set_up(root)
    assert none.value.problem is Problem.NO_TEMPORARY


def test_the_plugins_own_refusal_is_passed_on(root: Path, computer: Computer) -> None:
    computer.fails = lambda command: "main.py is missing" if "aeon_plugin_ft.cli" in command else None
    with pytest.raises(SetupError, match=r"main\.py is missing") as refused:
        set_up(root)
    assert refused.value.problem is Problem.REFUSED


def test_a_folder_that_is_no_aeon_and_a_source_that_is_none_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as none:
        set_up(tmp_path)
    assert none.value.problem is Problem.NO_SUCH_AEON and str(tmp_path) in str(none.value)
    assert "core/brain.py" in str(none.value) and " is " not in str(none.value)
    with pytest.raises(SetupError) as absent:
        set_up(tmp_path / "absent")
    assert absent.value.problem is Problem.NO_FOLDER
    with pytest.raises(SetupError) as nothing:
        Setup(str(tmp_path), root).run()
    assert nothing.value.problem is Problem.NO_SOURCE


def test_a_real_python_is_examined(tmp_path: Path) -> None:
    pytest.importorskip("pip")
    seen = examine(Path(sys.executable), tmp_path)
    there = importlib.util.find_spec("torch") is not None
    assert seen.version == sys.version_info[:3] and (seen.torch is not None) == there
    assert seen.venv == (sys.prefix != sys.base_prefix)
    with pytest.raises(SetupError) as broken:
        examine(tmp_path / "python", tmp_path)
    assert broken.value.problem is Problem.BROKEN_PYTHON


# -- PyTorch ---------------------------------------------------------------------------------------


def test_each_computer_gets_the_pytorch_that_suits_it() -> None:
    card = Card("RTX 3060", (12, 8))
    assert indexes(None, "Windows", "AMD64") == [None]
    assert indexes(card, "Windows", "AMD64") == [f"{INDEX}/cu128", f"{INDEX}/cu126", None]
    assert indexes(Card("GTX 960", (11, 4)), "Windows", "AMD64") == [None]
    assert indexes(None, "Linux", "x86_64") == [f"{INDEX}/cpu", None]
    for computer in ((card, "Linux", "x86_64"), (None, "Linux", "aarch64"), (None, "Darwin", "arm64")):
        assert indexes(*computer) == [None]


def test_the_card_is_what_nvidia_smi_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_wheels.shutil, "which", lambda name: f"/bin/{name}")
    overview = "| NVIDIA-SMI 560.94    Driver Version: 560.94    CUDA Version: 12.6     |"

    def ask(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(
            command, 0, overview if len(command) == 1 else "NVIDIA GeForce RTX 3060\n", ""
        )

    monkeypatch.setattr(torch_wheels, "ask", ask)
    assert find_card() == Card("NVIDIA GeForce RTX 3060", (12, 6))
    overview = "Failed to initialize NVML"
    assert find_card() is None
    monkeypatch.setattr(torch_wheels.shutil, "which", lambda name: None)
    assert find_card() is None


# -- the module itself -----------------------------------------------------------------------------


def test_it_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; import aeon_plugin_ft.install.bootstrap; "
        "from aeon_plugin_ft.install.spoken import sentences; sentences(); "
        "print([n for n, m in sys.modules.items() if 'site-packages' in str(getattr(m, '__file__', ''))])"
    )
    bare = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=bare, check=True)
    assert done.stdout.strip() == "[]"


def test_every_sentence_is_there_in_both_languages_with_the_same_slots() -> None:
    for name, texts in every_sentence().items():
        assert set(texts) == {one.value for one in Language}, name
        slots = [set(re.findall(r"{\w+}", text)) for text in texts.values()]
        assert slots[0] == slots[1] and (texts["pt"] != texts["en"] or name == "aeon"), name


def test_the_installer_speaks_the_language_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sentences()["plugin"] == "Instalando o plugin..."
    monkeypatch.setenv(ENV_LANGUAGE, "en")
    assert sentences()["plugin"] == "Installing the plugin..."


def test_every_sentence_is_said_and_every_problem_has_one() -> None:
    used: set[str] = {f"problem_{problem.value}" for problem in Problem}
    for path in INSTALL.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used.add(node.value)
    assert set(sentences()) <= used
    assert {f"problem_{problem.value}" for problem in Problem} <= set(sentences())


def test_the_command_line_says_one_sentence_and_fails(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It takes PYTHONPATH from its process, which is this one: children of later tests would import another copy.
    with patch.dict(os.environ, PYTHONPATH=str(tmp_path)):
        assert bootstrap.main(["--aeon", str(tmp_path)]) == 1
        assert "PYTHONPATH" not in os.environ
    captured = capsys.readouterr()
    assert len(captured.err.strip().splitlines()) == 1 and "Traceback" not in captured.err


def test_what_is_to_be_typed_can_be_pasted_as_it_is() -> None:
    command = ["C:\\Meu Aeon\\python.exe", "-m", "x", "D:\\João's $Aeon"]
    assert typed(command, windows=True) == "& 'C:\\Meu Aeon\\python.exe' -m x 'D:\\João''s $Aeon'"
    assert typed(["C:\\Aeon\\python.exe", "-m", "x"], windows=True) == "C:\\Aeon\\python.exe -m x"
    assert typed(["/home/ana/Meu $Aeon/python", "-m"], windows=False) == "'/home/ana/Meu $Aeon/python' -m"


def test_the_command_that_takes_it_out_is_one(root: Path, computer: Computer) -> None:
    odd = root.with_name("d'água $HOME")
    root.rename(odd)
    said: list[str] = []
    set_up(odd, said)
    command = [sys.executable, "-m", "aeon_plugin_ft.cli", "uninstall", str(odd)]
    assert said[-1] == f"Para tirar: {typed(command)}"


def sh(script: Path, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """install.sh, which finds the Python that runs this."""
    (folder / "bin").mkdir(exist_ok=True)
    if not (folder / "bin/python3").exists():
        (folder / "bin/python3").symlink_to(sys.executable)
    environment = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = ["sh", str(script), *options]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, cwd=folder, check=False)


needs_sh = pytest.mark.skipif(shutil.which("sh") is None, reason="install.sh is for Linux and macOS")


@needs_sh
def test_the_shell_script_runs_out_of_any_folder_and_in_any(root: Path, tmp_path: Path) -> None:
    plugin, here = tmp_path / 'um: "lugar" $HOME', tmp_path / "here"
    here.mkdir()
    (here / "argparse.py").write_text("raise SystemExit('somebody else ran')")
    plugin.mkdir()
    for name in ("aeon_plugin_ft", "pyproject.toml", "install.sh"):
        (plugin / name).symlink_to(REPOSITORY / name)
    options = ("--aeon", str(root), "--python", sys.executable, "--dry-run")
    done = sh(plugin / "install.sh", *options, folder=here)
    assert done.returncode == 0 and plugin.as_uri() in done.stdout, done.stderr


@needs_sh
def test_the_shell_script_says_that_there_is_no_plugin(root: Path, tmp_path: Path) -> None:
    done = sh(REPOSITORY / "install.sh", "--source", str(tmp_path / "nowhere"), folder=tmp_path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and str(tmp_path / "nowhere") in done.stderr


@needs_sh
def test_the_shell_script_says_in_one_line_that_nothing_comes_from_an_address(tmp_path: Path) -> None:
    done = sh(REPOSITORY / "install.sh", "--source", "file:///nowhere/a-1-py3-none-any.whl", folder=tmp_path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "file:///nowhere" in done.stderr


@pytest.mark.skipif(shutil.which("sh") is None, reason="install.sh is for Linux and macOS")
def test_the_shell_script_hands_over(root: Path, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, ENV_LANGUAGE: "", "LC_ALL": "pt_BR.UTF-8"}
    command = ["sh", str(REPOSITORY / "install.sh"), "--aeon", str(root), "--python", sys.executable, "--dry-run"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert str(root) in done.stdout and "Nada foi mudado" in done.stdout and not (root / "modules/finetuning").exists()
    alone = tmp_path / "install.sh"
    shutil.copy(REPOSITORY / "install.sh", alone)
    done = subprocess.run(["sh", str(alone)], capture_output=True, encoding="utf-8", env=environment, check=False)
    assert done.returncode == 1 and "--source" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert "diga onde ele está" in done.stderr
    english = {**environment, "LC_ALL": "en_US.UTF-8"}
    done = subprocess.run(["sh", str(alone)], capture_output=True, encoding="utf-8", env=english, check=False)
    assert "say where it is" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_both_scripts_have_every_text_in_both_languages() -> None:
    for name, pattern in (("install.sh", r"^    (\w+)='"), ("install.ps1", r"^        (\w+) = ")):
        text = (REPOSITORY / name).read_text(encoding="utf-8-sig")
        named = re.findall(pattern, text, re.MULTILINE)
        assert named and named[: len(named) // 2] == named[len(named) // 2 :], name


def test_the_powershell_script_is_one_that_windows_powershell_reads() -> None:
    """5.1 takes a file without a byte-order mark for the system's code page, and breaks its accents."""
    raw = (REPOSITORY / "install.ps1").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and "Não".encode() in raw
    text = raw.decode("utf-8-sig")
    assert all(ord(letter) < 0x2000 for letter in text), "a typographic quote would end a string"
    starts = re.search(r"\$start = (.+?)\ntry", text, re.DOTALL)
    assert starts is not None and starts[1].count('"') == 4, "Windows PowerShell loses double quotes within an argument"
    assert "PYTHONPATH" not in re.sub(r"(?m)^\s*#.*$", "", text), "a semicolon in a folder's name would end it"
    sentence = text[text.index("function Exit-WithSentence") :]
    assert sentence.index("Wait-ForPerson") < sentence.index("exit 1"), "the window would close with the sentence"
    offered = {option.lstrip("-") for option in re.findall(r"--[a-z-]+", text)} - {"no-deps", "dest", "quiet"}
    assert offered == {"source", "aeon", "python", "torch-index", "dry-run"}

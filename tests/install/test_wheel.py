"""What others install: a wheel of one package, in which everything that this folder does works as well."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytest.importorskip("hatchling", reason="wheels are made by hatchling, which is not installed here")

BUILD = "import sys; from hatchling.build import build_{kind} as build; print(build(sys.argv[1]))"
IMPORT = re.compile(r"\b(?:from|import) (?:hooks|core)\b")
MODULE = re.compile(r"(?:hooks|core)(?:\.\w+)*")
NAMES_OF_AEON = {
    "hooks/call.py": {
        "core.main_gui_logic", "core.gui_app", "core.console", "hooks.repairs", "hooks.typed", "hooks.call",
    },
    "hooks/repairs.py": {"core.main_gui_logic"},
    "hooks/typed.py": {"core.config_manager", "core.brain"},
    "install/brain_prompt.py": {"core"},
    "install/looking.py": {"core"},
    "dataset/twins.py": {"core"},
}  # fmt: skip
"""Texts that look like the name of a module and are Aeon's, are put together with the package's name, or are none."""
WHEEL_ONLY = """
import sys
sys.path.insert(0, sys.argv.pop(1))
# Where the tests run they could be imported by these names: a wheel's user cannot.
sys.modules["hooks"] = sys.modules["core"] = None
"""


def make(kind: str, folder: Path) -> Path:
    """A wheel by what is installed here; nothing is fetched."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(kind=kind), str(folder)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def there(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is unpacked to, as site-packages is."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def package(there: Path) -> Path:
    return there / "aeon_plugin_ft"


def run(there: Path, code: str, *arguments: str) -> str:
    """What code prints that can import nothing of ours but the wheel."""
    command = [sys.executable, "-I", "-X", "utf8", "-c", WHEEL_ONLY + code, str(there), *arguments]
    done = subprocess.run(command, cwd=there.parent, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text of a module but its docstrings."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_one_package_is_installed_and_nothing_beside_it(there: Path) -> None:
    assert {path.name for path in there.iterdir() if path.suffix != ".dist-info"} == {"aeon_plugin_ft"}
    assert (there / "aeon_plugin_ft" / "py.typed").is_file()


def test_every_file_of_the_repositorys_packages_is_in_it(package: Path) -> None:
    def listed(folder: Path) -> set[str]:
        files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(folder).as_posix() for path in files}

    for name in ("hooks", "core"):
        assert listed(package / name) == listed(REPOSITORY / name)
    assert listed(REPOSITORY / "aeon_plugin_ft") - listed(package) == {"hooks.py"}


def test_what_the_demo_and_the_installer_read_is_in_it(package: Path) -> None:
    for here, inside in (
        ("samples/conversation.log", "samples/conversation.log"),
        ("constraints.txt", "install/constraints.txt"),
    ):
        assert (package / inside).read_bytes() == (REPOSITORY / here).read_bytes()


def test_no_module_imports_what_is_not_there(package: Path) -> None:
    nested = 0
    for path in package.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        names: set[str] = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module or "")
        assert not {name for name in names if name.partition(".")[0] in ("hooks", "core")}, path
        nested += sum(name.startswith(("aeon_plugin_ft.hooks", "aeon_plugin_ft.core")) for name in names)
    assert nested > 100


def test_no_text_names_a_module_as_only_the_repository_does(package: Path) -> None:
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        for text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            if MODULE.fullmatch(text) or IMPORT.search(text):
                found.setdefault(path.relative_to(package).as_posix(), set()).add(text)
    assert found == NAMES_OF_AEON


def test_each_module_of_it_can_be_imported(there: Path, package: Path) -> None:
    """But for those of children that load PyTorch, and those for Windows."""
    others = {
        "worker",
        "engine",
        "places",
        "__main__",
        *([] if sys.platform == "win32" else ["windows", "windows_acl"]),
    }
    names = [
        ".".join(("aeon_plugin_ft", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(package.rglob("*.py"))
        if not others & {*path.parts, path.stem}
    ]
    code = "import importlib, sys\nfor name in sys.argv[1:]: print(importlib.import_module(name).__file__)"
    files = run(there, code, *names).splitlines()
    assert len(files) == len(names) > 300 and all(Path(file).is_relative_to(package) for file in files)


def test_both_entry_points_load(there: Path) -> None:
    (distribution,) = importlib.metadata.distributions(path=[str(there)])
    points = {(point.group, point.name): point.value for point in distribution.entry_points}
    assert points == {
        ("aeon", "finetuning"): "aeon_plugin_ft.plugin:plugin",
        ("console_scripts", "aeon-ft"): "aeon_plugin_ft.cli.main:run",
    }
    code = """
from importlib.metadata import EntryPoint
for value in sys.argv[1:]:
    print(type(EntryPoint("x", value, "y").load()).__name__)
"""
    assert run(there, code, *sorted(points.values())).split() == ["function", "FineTuning"]


def test_the_command_helps(there: Path) -> None:
    code = "sys.argv = ['aeon-ft', '--help']\nfrom aeon_plugin_ft.cli.main import run; run()"
    assert "aeon-ft" in run(there, code) and "install" in run(there, code)


def test_the_demo_finds_its_conversation_wherever_it_is_run(there: Path, package: Path) -> None:
    code = "from aeon_plugin_ft.cli.demo import SAMPLE, _sample; from pathlib import Path\n"
    assert run(there, code + "print(_sample(SAMPLE))").strip() == str(package / "samples" / "conversation.log")
    assert run(there, code + "print(_sample(Path('mine.log')))").strip() == "mine.log"


def test_a_plugin_of_somebody_elses_names_the_hooks_as_in_the_repository(there: Path) -> None:
    code = """
from aeon_plugin_ft.hooks import Turn, hookimpl
from aeon_plugin_ft.hooks.providers import is_here
print(Turn.__module__)
"""
    assert run(there, code).strip() == "aeon_plugin_ft.hooks.contract"


def test_what_is_typed_into_its_console_counts_as_the_owners_talk(there: Path, tmp_path: Path) -> None:
    code = """
from pathlib import Path
from aeon_plugin_ft.core.brain import AeonBrain
from aeon_plugin_ft.core.console import Console
from aeon_plugin_ft.hooks import HookCaller, build_manager, hookimpl
class Listener:
    @hookimpl
    def aeon_turn_finished(self, turn): print(turn.caller)
manager = build_manager(entry_points=False)
manager.register(Listener())
brain = AeonBrain(None, hooks=HookCaller(manager))
brain.host_routes = ()
console = Console(brain, Path(sys.argv[1]))
console.start()
console.ask("oi")
console.stop()
"""
    assert run(there, code, str(tmp_path)).split() == ["chat"]


def test_what_a_run_takes_elsewhere_is_the_whole_package_once(there: Path, tmp_path: Path) -> None:
    code = """
from pathlib import Path
from aeon_plugin_ft.training.places.cargo import code_of
for _, name in code_of(Path(sys.argv[1])).entries: print(name)
"""
    names = run(there, code, str(tmp_path)).splitlines()
    assert {name.split("/")[0] for name in names} == {"aeon_plugin_ft"} and len(names) == len(set(names))
    assert {"aeon_plugin_ft/hooks/contract.py", "aeon_plugin_ft/training/places/keeper.py"} <= set(names)


def test_what_a_run_takes_elsewhere_from_the_repository_has_the_hooks_beside_it(tmp_path: Path) -> None:
    from aeon_plugin_ft.training.places.cargo import code_of

    names = [name for _, name in code_of(tmp_path).entries]
    assert {name.split("/")[0] for name in names} == {"aeon_plugin_ft", "hooks"} and len(names) == len(set(names))
    assert {"hooks/contract.py", "aeon_plugin_ft/hooks.py"} <= set(names)


def test_chat_talks_to_the_brain_in_it(there: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "aeon_plugin_ft.cli", "--data", str(tmp_path / "data"), "chat"],
        cwd=tmp_path, input="/ajuda\n/sair\n", capture_output=True, encoding="utf-8", timeout=120,
        env={**os.environ, "PYTHONPATH": str(there), "AEON_FT_LANGUAGE": "pt"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("AEON: ") == 2 and "/privado" in done.stdout


def test_the_installer_runs_out_of_the_wheel_itself(wheel: Path) -> None:
    code = "from aeon_plugin_ft.install.bootstrap import _constraints; print(_constraints())"
    assert "torch==" in run(wheel, code)


def test_an_editable_installation_is_the_folder_itself(tmp_path: Path) -> None:
    with zipfile.ZipFile(make("editable", tmp_path)) as archive:
        files = [name for name in archive.namelist() if ".dist-info/" not in name]
        (pointer,) = files
        assert pointer.endswith(".pth")
        assert Path(archive.read(pointer).decode().strip()).samefile(REPOSITORY)


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("import hooks\n", "import aeon_plugin_ft.hooks as hooks\n"),
        ("import hooks as h, os\n", "import aeon_plugin_ft.hooks as h, os\n"),
        ("import os, core.brain as b\n", "import os, aeon_plugin_ft.core.brain as b\n"),
        ("from hooks import (\n    a,\n    b,\n)\n", "from aeon_plugin_ft.hooks import (\n    a,\n    b,\n)\n"),
        ("é = 'é'; from core.a import x; from  hooks import y\n",
         "é = 'é'; from aeon_plugin_ft.core.a import x; from  aeon_plugin_ft.hooks import y\n"),
        ("def f():\r\n    from hooks.door import d\r\n", "def f():\r\n    from aeon_plugin_ft.hooks.door import d\r\n"),
        ("from hooksmith import x\n", "from hooksmith import x\n"),
        ("from . import hooks\nfrom .core import x\n", "from . import hooks\nfrom .core import x\n"),
        ("'from hooks import x'\n# import core\ncore = 1\n", "'from hooks import x'\n# import core\ncore = 1\n"),
    ],
)  # fmt: skip
def test_only_imports_are_renamed(source: str, made: str) -> None:
    from tools.nest import renamed

    assert renamed(source.encode(), "a.py").decode() == made


@pytest.mark.parametrize("source", ["import hooks.door\n", "from \\\n  hooks import x\n"])
def test_an_import_that_cannot_be_renamed_ends_the_build(source: str) -> None:
    from tools.nest import renamed

    with pytest.raises(ValueError, match=r"a\.py:1"):
        renamed(source.encode(), "a.py")

"""What an Aeon folder is, which one it is, and which Python it runs on."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.children import ask, interpreter

_say = Speaker("errors/install")

_NEEDED = {
    "main.py": None,
    "core/brain.py": ("AeonBrain", "pensar"),
    "core/module_manager.py": ("ModuleManager", "route_command"),
    "core/main_gui_logic.py": ("MainLogic", "process_user_input"),
    "modules/base_module.py": ("AeonModule", "process"),
}
"""File to the class and method that the plugin relies on."""
_KNOWN = {
    ("1ea526b8d80eebcf", "4b9457dac2c60c3c", "3cc425bfd3a534ea"): "a4dbb01 (2026-02-06)",
    ("0cb957864fd90e1a", "39a8560ab5fab715", "626cab8ea9554902"): "cfbcd11 (2026-02-03)",
}
"""SHA-256 (16 digits, line ends as LF) of brain, module manager and logic, to the commit of ruishalm/Aeon."""
_VENVS = (".venv", "venv", "env")
_PROBE_SECONDS = 60
_PROBE = """
import importlib.metadata as metadata, importlib.util, json, re, sys
found = {name: importlib.util.find_spec(name) is not None for name in sys.argv[1:]}
error = version = None
missing = []
def there(name):
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
try:
    import aeon_plugin_ft, hooks.door, aeon_plugin_ft.install.entry
    needs = [n for n in metadata.requires("aeon-plugin-ft") or () if ";" not in n]
    missing = [n for n in (re.match(r"[\\w.-]+", need).group() for need in needs) if not there(n)]
    version = None if missing else aeon_plugin_ft.__version__
except BaseException as problem:
    error = f"{type(problem).__name__}: {problem}"
print(json.dumps({"found": found, "version": version, "error": error, "lacks": missing,
                  "python": sys.version.split()[0]}))
"""
"""Importing proves little: the plugin imports most of what it needs late, so each requirement is looked up."""


@dataclass(frozen=True, slots=True)
class AeonFolder:
    """A folder that holds an Aeon. `version` is None for one that fits but is not known by its files."""

    root: Path
    version: str | None


@dataclass(frozen=True, slots=True)
class Probe:
    """What an interpreter said of itself. `package` is the version of this package that it imports, None
    when it cannot; `error` says why. `found` tells which of the asked packages are there."""

    executable: Path
    python: str
    package: str | None
    error: str | None
    found: dict[str, bool]


def read_folder(root: Path) -> AeonFolder:
    """The Aeon at `root`; raises InstallError that says what is missing."""
    root = root.expanduser().absolute()
    if not root.is_dir():
        raise InstallError(*_say.error("folder.none", root=root))
    problems = list(_problems(root))
    if problems:
        raise InstallError(*_say.error("folder.no_aeon", root=root, problems="; ".join(problems)))
    key = tuple(_digest(root / f"core/{name}.py") for name in ("brain", "module_manager", "main_gui_logic"))
    return AeonFolder(root, _KNOWN.get((key[0], key[1], key[2])))


def find_python(root: Path) -> Path:
    """The Python that runs this Aeon: of a virtual environment in its folder, else the one that runs this. Raises
    InstallError where a frozen Aeon has none."""
    places = [root / name / inside for name in _VENVS for inside in ("Scripts/python.exe", "bin/python")]
    for place in places:
        if place.exists():
            return place
    # A link to a Python that is gone: the environment is broken, and is not to be passed over in silence.
    broken = next((place for place in places if place.is_symlink()), None)
    return broken or interpreter()


def probe(executable: Path, root: Path, packages: tuple[str, ...] = ()) -> Probe:
    """Ask an interpreter, from inside the Aeon folder as Aeon runs it; raises InstallError if it does not run."""
    try:
        done = ask([str(executable), "-c", _PROBE, *packages], seconds=_PROBE_SECONDS, folder=root)
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise InstallError(*_say.error("python.not_run", executable=executable, reason=error)) from error
    lacks = ", ".join(answer.get("lacks", ()))
    fault = _say("python.lacks", names=lacks) if lacks else answer["error"]
    return Probe(executable, answer["python"], answer["version"], fault, answer["found"])


def unfit_files(root: Path) -> list[str]:
    """The files that make a folder an Aeon's, as far as they are missing there or are others. Raises OSError."""
    return [name for name, needed in _NEEDED.items() if not _fits(root / name, needed)]


def _fits(file: Path, needed: tuple[str, str] | None) -> bool:
    return file.is_file() and (needed is None or _has(file, *needed))


def _problems(root: Path) -> Iterator[str]:
    for name in unfit_files(root):
        needed = _NEEDED[name]
        if needed is not None and (root / name).is_file():
            yield _say("folder.lacks", name=name, what=".".join(needed))
        else:
            yield _say("folder.missing", name=name)


def _has(file: Path, kind: str, method: str) -> bool:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return False
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == kind)
    return any(isinstance(part, ast.FunctionDef) and part.name == method for match in classes for part in match.body)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes().replace(b"\r", b"")).hexdigest()[:16]

"""`python -m aeon_plugin_ft.install.bootstrap`: the Python half of install.ps1 and install.sh.

For a person who is no programmer: finds their Aeon and its Python, installs PyTorch and the plugin there, and puts the
plugin in. It runs before anything of the plugin's is installed, from the repository's folder or out of a wheel, so
that it and what it imports need the standard library only (tests/install/test_bootstrap.py).
"""

from __future__ import annotations

import argparse
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.install.aeon_folder import find_python, unfit_files
from aeon_plugin_ft.install.looking import find_aeons, likely_places
from aeon_plugin_ft.install.pip import Pip
from aeon_plugin_ft.install.running import last_line, run_python
from aeon_plugin_ft.install.spoken import Problem, SetupError, sentence, typed
from aeon_plugin_ft.install.torch_wheels import Card, find_card, indexes, pinned
from aeon_plugin_ft.messages import refusal

OLDEST = (3, 10)
OLDEST_TORCH = (2, 6)
_SECONDS = 120.0
_EXAMINE = """
import json, os, sys
told = {"version": list(sys.version_info[:3]), "wide": sys.maxsize > 2**32}
if sys.version_info >= (3, 10):
    import importlib.metadata as metadata, importlib.util, sysconfig
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = None
    told.update(
        torch=torch, pip=importlib.util.find_spec("pip") is not None, venv=sys.prefix != sys.base_prefix,
        managed=os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
    )
print(json.dumps(told))
"""
"""Of one that is too old, Python 2 included, the version is all that is asked."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python of an Aeon. `torch` is the version that it has, None without."""

    path: Path
    version: tuple[int, ...]
    venv: bool
    torch: str | None

    @property
    def version_text(self) -> str:
        """ "3.12.4"."""
        return ".".join(map(str, self.version))


@dataclass
class Setup:
    """One installation. `source` is a folder, a wheel or an address; with `dry_run` nothing is changed."""

    source: str
    aeon: Path | None = None
    python: Path | None = None
    torch_index: str | None = None
    dry_run: bool = False
    say: Callable[[str], None] = print
    answer: Callable[[str], str] | None = None
    """Puts a question to the person; None where nobody sits there."""
    places: Sequence[Path] | None = None
    card: Callable[[], Card | None] = field(default=find_card)

    def run(self) -> None:
        """Everything. Raises SetupError at the first step that cannot be done; doing it again goes on."""
        requirement = self._requirement()
        root = self._aeon()
        self.say(sentence("aeon", root=root))
        named = None if self.python is None else self.python.expanduser()
        python = examine((named or _python_of(root)).absolute(), root / ".venv")
        self.say(
            sentence("python_venv" if python.venv else "python_shared", python=python.path, version=python.version_text)
        )
        pip = Pip(python.path, python.version_text, root / ".venv")
        self._torch(pip, python)
        self.say(sentence("plugin"))
        self._do(pip.command(requirement), lambda: pip.install("aeon-plugin-ft", requirement))
        self.say(sentence("entering"))
        enter = [str(python.path), "-m", "aeon_plugin_ft.cli", "install", str(root), "--python", str(python.path)]
        self._do(enter, lambda: _enter(enter))
        if self.dry_run:
            self.say(sentence("would_change_nothing"))
            return
        self.say(sentence("done", root=root))
        self.say(sentence("first_words"))
        take_out = [str(python.path), "-m", "aeon_plugin_ft.cli", "uninstall", str(root)]
        self.say(sentence("take_out", command=typed(take_out)))

    def _do(self, command: Sequence[str], act: Callable[[], None]) -> None:
        if self.dry_run:
            self.say(sentence("would_run", command=typed(command)))
        else:
            act()

    def _requirement(self) -> str:
        """What pip is given: "aeon-plugin-ft[train] @ file:///C:/..."."""
        if "://" in self.source:
            return f"aeon-plugin-ft[train] @ {self.source}"
        place = Path(self.source).expanduser().absolute()
        if not ((place / "pyproject.toml").is_file() or (place.is_file() and place.suffix == ".whl")):
            raise SetupError(Problem.NO_SOURCE, source=place)
        return f"aeon-plugin-ft[train] @ {place.as_uri()}"

    # -- which Aeon ----------------------------------------------------------------------------

    def _aeon(self) -> Path:
        if self.aeon is not None:
            return _read(self.aeon)
        self.say(sentence("looking"))
        folder = None if "://" in self.source else Path(self.source).absolute()
        aeons = find_aeons(self.places if self.places is not None else likely_places(folder), but=folder)
        if len(aeons) == 1:
            return aeons[0]
        return self._choose(aeons) if aeons else self._ask_where()

    def _choose(self, aeons: Sequence[Path]) -> Path:
        if self.answer is None:
            raise SetupError(Problem.SEVERAL_AEONS, roots=", ".join(map(str, aeons)))
        self.say(sentence("choose"))
        for number, root in enumerate(aeons, 1):
            self.say(f"  {number}. {root}")
        while text := self.answer(sentence("choose_number")).strip():
            if text.isdecimal() and 0 < int(text) <= len(aeons):
                return aeons[int(text) - 1]
        raise SetupError(Problem.STOPPED)

    def _ask_where(self) -> Path:
        # Explorer's "copy as path" puts quotes around it.
        text = "" if self.answer is None else self.answer(sentence("where")).strip().strip('"')
        if not text:
            raise SetupError(Problem.NO_AEON)
        return _read(Path(text))

    # -- PyTorch -------------------------------------------------------------------------------

    def _torch(self, pip: Pip, python: Interpreter) -> None:
        card = self.card()
        if python.torch is not None and _numbers(python.torch) >= OLDEST_TORCH:
            blind = card is not None and "+cpu" in python.torch
            uninstall = typed([str(python.path), "-m", "pip", "uninstall", "-y", "torch"])
            self.say(sentence("torch_cpu_only" if blind else "torch_there", version=python.torch, command=uninstall))
            return
        version = pinned(_constraints())
        wanted = "torch" if version is None else f"torch=={version}"
        about = "torch_processor" if card is None else "torch_card"
        self.say(sentence(about, version=version or "", card="" if card is None else card.name))
        places = [self.torch_index] if self.torch_index else indexes(card)
        for number, place in enumerate(places, 1):
            arguments = [wanted] if place is None else [wanted, "--index-url", place]
            try:
                self._do(pip.command(*arguments), lambda arguments=arguments: pip.install(wanted, *arguments))  # type: ignore[misc]
                return
            except SetupError as error:
                # Another place may have it where this one does not or is not reached; a full disk stays full.
                if number == len(places) or error.problem not in {Problem.NO_PACKAGE, Problem.OFFLINE}:
                    raise
                self.say(sentence("torch_other_place"))


def examine(path: Path, venv: Path) -> Interpreter:
    """Ask an interpreter what it is; `venv` is where one would go that belongs to the Aeon. Raises SetupError where it
    will not do."""
    told = _told_by(path)
    version = tuple(told["version"])
    if version < OLDEST:
        raise SetupError(Problem.OLD_PYTHON, python=path, version=".".join(map(str, version)))
    python = Interpreter(path, version, told["venv"], told["torch"])
    if not told["wide"]:
        raise SetupError(Problem.NARROW_PYTHON, python=path)
    if told["managed"] and not python.venv:
        raise SetupError(Problem.MANAGED_PYTHON, python=path, command=typed([str(path), "-m", "venv", str(venv)]))
    if not told["pip"]:
        raise SetupError(Problem.NO_PIP, python=path, command=typed([str(path), "-m", "ensurepip"]))
    return python


def _told_by(path: Path) -> dict[str, Any]:
    try:
        done = run_python([str(path), "-c", _EXAMINE], _SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(Problem.BROKEN_PYTHON, python=path, reason=error) from error
    try:
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return told
    except (ValueError, IndexError) as error:
        raise SetupError(Problem.BROKEN_PYTHON, python=path, reason=last_line(done)) from error


def _read(root: Path) -> Path:
    root = root.expanduser().absolute()
    try:
        if not root.is_dir():
            raise SetupError(Problem.NO_FOLDER, root=root)
        unfit = unfit_files(root)
    except OSError as error:
        raise SetupError(Problem.NO_LOOK, root=root, reason=refusal(error)) from error
    if unfit:
        raise SetupError(Problem.NO_SUCH_AEON, root=root, files=", ".join(unfit))
    return root


def _python_of(root: Path) -> Path:
    try:
        return find_python(root)
    except InstallError as error:
        raise SetupError(Problem.BROKEN_PYTHON, python=sys.executable, reason=error.what) from error


def _enter(command: Sequence[str]) -> None:
    try:
        done = run_python(command, _SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(Problem.REFUSED, reason=error) from error
    if done.returncode:
        raise SetupError(Problem.REFUSED, reason=last_line(done))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdecimal())


def _constraints() -> str:
    """constraints.txt: in a wheel beside this module, in the repository at the top."""
    here = Path(__file__).parent
    try:
        raw = pkgutil.get_data("aeon_plugin_ft.install", "constraints.txt")
    except OSError:
        raw = None
    if raw is not None:
        return raw.decode("utf-8")
    at_the_top = here.parents[1] / "constraints.txt"
    return at_the_top.read_text(encoding="utf-8") if at_the_top.is_file() else ""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 done, 1 with one sentence on stderr, 2 for options that do not exist."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a pipe on Windows may be cp1252
            reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace", line_buffering=True)
    # Where it leads, it is not for the Python of the Aeon.
    os.environ.pop("PYTHONPATH", None)
    options = _parse(arguments)
    setup = Setup(
        options.source, options.aeon, options.python, options.torch_index, options.dry_run,
        answer=input if sys.stdin is not None and sys.stdin.isatty() else None,
    )  # fmt: skip
    try:
        setup.run()
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the installer talks to a terminal
        return 1
    except (KeyboardInterrupt, EOFError):
        print(SetupError(Problem.STOPPED), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="install", description=sentence("about"))
    parser.add_argument("--aeon", type=Path, help=sentence("option_aeon"))
    parser.add_argument("--python", type=Path, help=sentence("option_python"))
    parser.add_argument("--source", default=str(Path(__file__).parents[2]), help=sentence("option_source"))
    parser.add_argument("--torch-index", help=sentence("option_torch_index"))
    parser.add_argument("--dry-run", action="store_true", help=sentence("option_dry_run"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

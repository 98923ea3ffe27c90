#!/usr/bin/env python3
"""One door to the project, with nothing but Python 3.10+: `python dev.py demo | test | check | bench`.

Each command first makes what it needs inside this folder (a virtual environment in .venv with the pinned
dependencies, the small base model in .cache) and nothing outside it. The second run starts at once.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / ".aeon-ft-stamp"
LOCK = ROOT / "requirements.lock"
BUILDER = "setuptools"
CUDA = ("cuda-", "nvidia-", "triton")
"""The beginnings of the packages in the lock that PyTorch's CPU build does without."""
MINIMUM = (3, 10)
LOCKED = (3, 11)
"""From this Python on everything in constraints.txt is to be had."""
MOST_WORKERS = 8
"""Each loads PyTorch (1 GB); with more, the longest test is what the others wait for."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("demo", help="watch Aeon learn from a sample conversation, for real (some 12 minutes)")
    tests = commands.add_parser("test", help="run every test, some twenty minutes (further arguments go to pytest)")
    tests.add_argument("--quick", action="store_true", help="leave out the slow ones")
    tests.add_argument(
        "--windows",
        action="store_true",
        help="with Windows' own Python, on Linux under Wine (made once in .cache/windows; says what it needs);\n"
        "with --quick what Windows does otherwise than Linux",
    )
    commands.add_parser("check", help="lint, types and documentation checks")
    commands.add_parser("bench", help="list the benchmarks, or run one: dev.py bench capture")
    options, rest = parser.parse_known_args(arguments)
    if sys.version_info < MINIMUM:
        print(f"Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed; this is {sys.version.split()[0]}.")
        return 2
    try:
        prepare()
        if options.command == "test" and options.windows and os.name != "nt":
            return run("-m", "tools.windows_under_wine", "test", *(["--quick"] if options.quick else []), *rest)
        if options.command == "test":
            return test(rest, quick=options.quick)
        return {"demo": demo, "check": check, "bench": bench}[options.command](rest)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.")
        return 130


def demo(rest: Sequence[str]) -> int:
    return run("-m", "aeon_plugin_ft.cli", "demo", *rest)


def test(rest: Sequence[str], *, quick: bool) -> int:
    """On every core at once. What comes later on the line counts: `-n 0` runs them one after the other."""
    workers = min(MOST_WORKERS, max(2, os.cpu_count() or 2))
    chosen = ["-m", "not slow"] if quick else []
    return run("-m", "pytest", "-n", str(workers), *chosen, *rest)


def check(rest: Sequence[str]) -> int:
    """Every check runs, so that one call shows everything there is to mend."""
    codes = [
        run("-m", "ruff", "check", "."),
        run("-m", "ruff", "format", "--check", "."),
        run("-m", "mypy"),
        run("-m", "pytest", "-q", "tests/docs", "-p", "no:cacheprovider"),
    ]
    return max(codes)


def bench(rest: Sequence[str]) -> int:
    found = {path.stem: path for path in sorted((ROOT / "benchmarks").glob("[a-z]*.py"))}
    if not rest or rest[0] not in found:
        print("Benchmarks (python dev.py bench NAME [--help]):")
        for name, path in found.items():
            print(f"  {name:12} {first_sentence(path)}")
        return 0 if not rest else 2
    return run(str(found[rest[0]]), *rest[1:])


def first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0]


def python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*command: str) -> int:
    environment = {**os.environ, "PYTHONUTF8": "1", "AEON_FT_CACHE": str(ROOT / ".cache")}
    # Where a machine forbids bytecode, every process of ours that imports PyTorch would compile it anew, for 7 s.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run([str(python()), *command], cwd=ROOT, env=environment, check=False).returncode


def prepare() -> None:
    """The virtual environment with the pinned dependencies; does nothing when it is up to date."""
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == wanted:
        return
    if not python().exists():
        print("Making a virtual environment in .venv ...", flush=True)
        venv.create(VENV, with_pip=True)
    with Ticker("Installing the pinned dependencies (once; PyTorch is the large one)"):
        for install in installations(sys.version_info[:2], choose_lock()):
            done = pip(*install)
            if done.returncode:
                why = done.stderr.strip()
                raise SystemExit(f"{why}\n\nThe dependencies could not be installed; run the command again.")
    STAMP.write_text(wanted, encoding="ascii")


def installations(version: tuple[int, int], lock: Path) -> list[list[str]]:
    """What pip is asked for: by hash, and nothing that is not in the lock; then this folder, built with what is there.

    The lock is made from constraints.txt, see its first lines.
    """
    if version < LOCKED:
        return [["--constraint", "constraints.txt", "--editable", ".[train,dev]"]]
    return [
        # Before the rest, of which one package has no wheel: what builds it comes by hash, too.
        ["--require-hashes", "--requirement", str(write_lock("builder.lock", lambda name: name == BUILDER))],
        ["--require-hashes", "--no-build-isolation", "--requirement", str(lock)],
        ["--no-deps", "--no-build-isolation", "--editable", "."],
    ]


def choose_lock() -> Path:
    """The lock; without CUDA's three gigabytes where `.venv` has PyTorch's CPU build of the version in it, or pip finds
    one on this machine's disk (its setting find-links)."""
    text = LOCK.read_text(encoding="utf-8")
    version = next(line.split()[0] for line in text.splitlines() if line.startswith("torch=="))
    # No index is asked: what this does not find here is taken from the lock.
    if pip("--no-index", "--no-deps", f"{version}+cpu").returncode:
        return LOCK
    # PyTorch itself stays in it: pip leaves one of that version that is installed.
    return write_lock("without-cuda.lock", lambda name: not name.startswith(CUDA))


def write_lock(name: str, wanted: Callable[[str], bool]) -> Path:
    """A part of the lock: the packages whose names are wanted."""
    _, *packages = re.split(r"^(?=[a-z0-9])", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    part = VENV / name
    part.write_text("".join(one for one in packages if wanted(one.partition("==")[0])), encoding="utf-8")
    return part


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    # --no-compile saves a minute: most of PyTorch's modules are never imported, and those that are get compiled then.
    command = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    return subprocess.run([*command, *arguments], cwd=ROOT, check=False, capture_output=True, text=True)


def fingerprint() -> str:
    """Changes when the environment must be made anew."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "constraints.txt", "requirements.lock"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


class Ticker:
    """Shows that something long is alive, with the seconds so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.tick, daemon=True)

    def __enter__(self) -> None:
        print(f"{self.text} ...", end="", flush=True)
        self.started = time.monotonic()
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        print(f" {time.monotonic() - self.started:.0f} s", flush=True)

    def tick(self) -> None:
        while not self.stop.wait(5):
            print(".", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

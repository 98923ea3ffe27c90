"""python -m tools.windows_under_wine setup | run PYTHON_ARGUMENTS | test [--quick] PYTEST_ARGUMENTS | remove"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.windows_under_wine.chosen import CHOSEN
from tools.windows_under_wine.needs import check_needs
from tools.windows_under_wine.place import DEFAULT, NotHere, Place, SetupFailed

USAGE = 2
NOT_HERE = 69
"""Exit code where this machine cannot: a caller may leave it out, and it is no failure of what would have been run.
None of pytest's own."""


def main(arguments: Sequence[str]) -> int:
    folder = DEFAULT
    if len(arguments) > 1 and arguments[0] == "--folder":
        folder, arguments = Path(arguments[1]).resolve(), arguments[2:]
    if not arguments or arguments[0] not in COMMANDS:
        print(f"{__doc__}\n\n--folder FOLDER before it: where all of it lies, instead of {DEFAULT}")
        return USAGE
    try:
        check_needs()
        return _in_turn(Place(folder), arguments[0], arguments[1:])
    except NotHere as error:
        print(error)
        return NOT_HERE
    except SetupFailed as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is mounted or running any more. Run the same command again to go on.")
        return 130


def _in_turn(place: Place, command: str, rest: Sequence[str]) -> int:
    # Linux only, so that whoever has another system is told and not shown a failed import.
    from tools.windows_under_wine.steps import set_up
    from tools.windows_under_wine.wine import alone

    with alone(place):
        if command != "remove":
            set_up(place)
        return COMMANDS[command](place, rest)


def _run(place: Place, rest: Sequence[str]) -> int:
    from tools.windows_under_wine.wine import run_python

    return run_python(place, rest)


def _set_up(place: Place, rest: Sequence[str]) -> int:
    print(f"Windows' Python is ready in {place.folder}.")
    return 0


def _test(place: Place, rest: Sequence[str]) -> int:
    # The cache of failed tests lies in the tree, where it is that of the tests on Linux.
    return _run(place, ["-m", "pytest", "-p", "no:cacheprovider", *pytest_arguments(rest)])


def pytest_arguments(rest: Sequence[str]) -> list[str]:
    """What is given, with the chosen tests in place of --quick."""
    given = [argument for argument in rest if argument != "--quick"]
    return [*CHOSEN, *given] if "--quick" in rest else given


def _remove(place: Place, rest: Sequence[str]) -> int:
    shutil.rmtree(place.folder)
    return 0


COMMANDS: Mapping[str, Callable[[Place, Sequence[str]], int]] = {
    "setup": _set_up,
    "run": _run,
    "test": _test,
    "remove": _remove,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

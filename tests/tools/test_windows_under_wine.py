"""What makes a Windows under Wine and runs the tests in it, without Wine itself."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType, SimpleNamespace

import psutil
import pytest

from tests.conftest import REPOSITORY
from tools.windows_under_wine import __main__ as command
from tools.windows_under_wine import needs, ucrt
from tools.windows_under_wine.chosen import CHOSEN
from tools.windows_under_wine.place import NotHere, Place, SetupFailed

linux = pytest.mark.skipif(sys.platform != "linux", reason="Wine's home is Linux")


# -- the C library -----------------------------------------------------------------------------


def library(*names: bytes) -> bytes:
    """A 64-bit DLL of one section (file offset 0x400 is address 0x1000) that exports functions of 16 bytes 0xCC."""
    image = bytearray(0x800)
    struct.pack_into("<I", image, 0x3C, 0x80)
    image[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<HH", image, 0x84, 0x8664, 1)
    struct.pack_into("<H", image, 0x94, 240)
    struct.pack_into("<I", image, 0x98 + 112, 0x1000)
    struct.pack_into("<IIII", image, 0x98 + 240 + 8, 0x400, 0x1000, 0x400, 0x400)
    count = len(names)
    functions, texts, ordinals, strings = 0x1040, 0x1080, 0x10C0, 0x1100
    struct.pack_into("<IIII", image, 0x400 + 24, count, functions, texts, ordinals)
    for number, name in enumerate(names):
        # Names are sorted and functions are not: only the ordinal says which is whose.
        ordinal = count - 1 - number
        struct.pack_into("<I", image, functions - 0xC00 + 4 * ordinal, 0x1200 + 16 * number)
        struct.pack_into("<I", image, texts - 0xC00 + 4 * number, strings + 16 * number)
        struct.pack_into("<H", image, ordinals - 0xC00 + 2 * number, ordinal)
        image[strings - 0xC00 + 16 * number : strings - 0xC00 + 16 * number + len(name)] = name
        image[0x600 + 16 * number : 0x610 + 16 * number] = b"\xcc" * 16
    return bytes(image)


def test_the_four_functions_get_a_body_and_no_other_is_touched(tmp_path: Path) -> None:
    names = (b"cimag", b"cimagf", b"conj", b"creal", b"crealf", b"crealf_")
    path = tmp_path / "ucrtbase.dll"
    path.write_bytes(library(*names))
    assert ucrt.mend(path) == 4
    code = path.read_bytes()[0x600:]
    for number, name in enumerate(names):
        body = ucrt.BODIES.get(name, b"")
        assert code[16 * number : 16 * number + 16] == body.ljust(16, b"\xcc"), name
    assert path.read_bytes()[:0x600] == library(*names)[:0x600]


def test_what_is_no_dll_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(0x100))
    with pytest.raises(ValueError, match="no PE image"):
        ucrt.mend(path)


# -- what it needs ------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(needs.ASKED)))
def test_what_is_missing_is_said_in_one_sentence_and_is_no_failure(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = [lambda: None] * len(needs.ASKED)
    asked[number] = lambda: "the moon is down"  # type: ignore[assignment,return-value]
    monkeypatch.setattr(needs, "ASKED", tuple(asked))
    assert command.main(["--folder", str(tmp_path / "w"), "test"]) == command.NOT_HERE
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and said.endswith("; the moon is down.\n") and "root" in said
    assert not (tmp_path / "w").exists()


def test_another_system_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs.platform, "machine", lambda: "arm64")
    with pytest.raises(NotHere, match="on arm64"):
        needs.check_needs()


@linux
def test_an_ordinary_user_and_a_machine_without_debian_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotHere, match="ordinary user"):
        needs.check_needs()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs.shutil, "which", lambda name: None)
    with pytest.raises(NotHere, match="no apt-get"):
        needs.check_needs()


def test_too_little_space_is_said_before_anything_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: SimpleNamespace(free=1e9))
    with pytest.raises(NotHere, match=r"needs 5 GB in .*; 1\.0 GB are free"):
        needs.check_space(tmp_path)


@linux
def test_an_archive_that_cannot_be_reached_is_no_failure_of_what_would_have_been_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tools.windows_under_wine import steps

    def call(command: Sequence[str], **_: str) -> str:
        if "mmdebstrap" in command:
            raise SetupFailed("no route to the archive")
        return "an archive\n"

    monkeypatch.setattr(steps, "call", call)
    with pytest.raises(NotHere, match=r"Debian's packages, which cannot be had:no route"):
        steps.unpack_debian(Place(tmp_path))


# -- the set-up ---------------------------------------------------------------------------------


@linux
def test_what_is_made_is_not_made_again_and_what_rests_on_a_change_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tools.windows_under_wine import steps

    made: list[str] = []
    pinned, broken = ["1"], [True]

    def wheels(place: Place) -> None:
        if broken[0]:
            raise SetupFailed("no network")
        made.append("wheels")

    monkeypatch.setattr(
        steps,
        "STEPS",
        (
            steps.Step("wine", "Wine", lambda place: made.append("wine")),
            steps.Step("wheels", "Wheels", wheels, lambda: pinned[0]),
            steps.Step("product", "Product", lambda place: made.append("product")),
        ),
    )
    place = Place(tmp_path / "windows")
    with pytest.raises(SetupFailed):
        steps.set_up(place)
    broken[0] = False
    steps.set_up(place)
    assert made == ["wine", "wheels", "product"] and "Wheels ..." in capsys.readouterr().out
    steps.set_up(place)
    assert made[3:] == [] and capsys.readouterr().out == ""
    pinned[0] = "2"
    steps.set_up(place)
    assert made[3:] == ["wheels", "product"]


@linux
def test_pips_own_settings_say_where_packages_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.windows_under_wine import steps

    listed = "global.index-url='https://mirror/simple'\n:env:.cert='/a.pem'\nglobal.cert='/b.pem'\n"
    monkeypatch.setattr(steps, "call", lambda *_, **__: listed)
    assert steps.pip_setting("index-url") == "https://mirror/simple"
    assert steps.pip_setting("cert") == "/a.pem" and steps.pip_setting("proxy") == ""


@linux
def test_a_command_that_fails_is_shown_with_all_that_it_said() -> None:
    from tools.windows_under_wine.steps import call

    with pytest.raises(SetupFailed, match=r"(?s)out.*err.*failed; run the same command again"):
        call([sys.executable, "-c", "import sys; print('out'); sys.exit('err')"])


# -- running ------------------------------------------------------------------------------------


@linux
def test_windows_programs_get_our_own_variables_and_none_of_the_systems() -> None:
    from tools.windows_under_wine.wine import environment

    given = environment({"AEON_FT_KILLS": "3", "HOME": "/home/x", "LD_PRELOAD": "x.so", "TMPDIR": "/x"})
    assert given["AEON_FT_KILLS"] == "3" and given["HOME"] == "/tmp" and given["AEON_FT_CACHE"].startswith("C:\\")
    assert "LD_PRELOAD" not in given and "TMPDIR" not in given


@linux
def test_one_windows_is_used_by_one_call_at_a_time(tmp_path: Path) -> None:
    from tools.windows_under_wine.wine import alone

    place = Place(tmp_path / "windows")
    with alone(place), pytest.raises(NotHere, match="Another call"), alone(place):
        pass
    with alone(place):
        pass


def test_the_chosen_tests_are_there_and_quick_stands_for_them() -> None:
    assert all((REPOSITORY / path.split("::")[0]).exists() for path in CHOSEN)
    assert command.pytest_arguments(["--quick", "-k", "swap"]) == [*CHOSEN, "-k", "swap"]
    assert command.pytest_arguments(["tests/store"]) == ["tests/store"]


RUNNING = """
import os, signal, sys
# A shell lets what it starts in the background ignore Ctrl-C, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from tools.windows_under_wine import wine
from tools.windows_under_wine.place import Place
wine.Place.debian = property(lambda place: Path("/"))
wine.C, wine.TREE = sys.argv[1], "inside"
sys.exit(wine.run_wine(Place(Path(sys.argv[1])), sys.argv[2:]))
"""


def mounts(folder: Path) -> list[str]:
    """Those that this system has where the test could leave some; others come and go meanwhile."""
    places = ("/proc", "/dev", str(folder))
    return [line for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(places)]


@linux
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_however_it_ends_no_process_and_no_mount_is_left(how: str, tmp_path: Path) -> None:
    try:
        needs.check_needs()
    except NotHere as error:
        pytest.skip(str(error))
    (tmp_path / "inside").mkdir()
    # The program inside is told of nothing, and starts one more that nobody waits for.
    up = f"open({str(tmp_path / 'up')!r}, 'w')"
    inside = [
        sys.executable,
        "-c",
        f"import subprocess, time; subprocess.Popen(['sleep', '641']); {up}; time.sleep(642)",
    ]
    with subprocess.Popen([sys.executable, "-c", RUNNING, str(tmp_path), *inside], cwd=REPOSITORY) as running:
        try:
            deadline = time.monotonic() + 60
            while not (tmp_path / "up").exists():
                assert time.monotonic() < deadline and running.poll() is None
                time.sleep(0.05)
            below = psutil.Process(running.pid).children(recursive=True)
            assert any("641" in part for process in below for part in process.cmdline())
            before = mounts(tmp_path)
            assert not any(str(tmp_path) in mount for mount in before)
            running.send_signal(signal.Signals[how])
            running.wait(60)
        finally:
            running.kill()
    _, left = psutil.wait_procs(below, timeout=10)
    assert left == [] and mounts(tmp_path) == before


def test_an_order_is_read_as_it_was_written() -> None:
    from tools.windows_under_wine.inside import Order

    order = Order("/r", (("/dev", "/dev"),), (("a", "b"), ("c",)), "/", {"X": "é"})
    assert Order.read(json.dumps(asdict(order))) == order


# -- python dev.py test --windows -------------------------------------------------------------------


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", REPOSITORY / "dev.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "prepare", lambda: None)
    return module


def test_on_windows_itself_the_tests_just_run(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(dev, "run", lambda *command: ran.append(command) or 0)
    monkeypatch.setattr(dev, "os", SimpleNamespace(name="posix", cpu_count=os.cpu_count))
    dev.main(["test", "--windows", "--quick", "-k", "swap"])
    monkeypatch.setattr(dev, "os", SimpleNamespace(name="nt", cpu_count=os.cpu_count))
    dev.main(["test", "--windows", "-k", "swap"])
    assert ran[0] == ("-m", "tools.windows_under_wine", "test", "--quick", "-k", "swap")
    assert ran[1][:2] == ("-m", "pytest") and ran[1][-2:] == ("-k", "swap")

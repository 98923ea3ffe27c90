"""The other side of a step, run by any Python 3.10 there: sent along with each request, so nothing stays installed.

The standard library only, and one file. What arrives on stdin, after this source:

    {"verb": ..., "root": ..., ...}\\n      one JSON line; the rest of stdin is the verb's payload
and what goes back on stdout (as base64 lines with "text", where the way back carries text only):
    AEON1 {"ok": true, ...}\\n              one JSON line; the rest is the verb's payload

    <root>/things/<digest>/                 what many runs use: a base model, this plugin's code
    <root>/runs/<id>/                       a small data folder for one run (store.folder.DataFolder); gone with `clean`
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time
import typing

MARK = b"AEON1 "
NEEDED = ("torch", "transformers", "trl", "peft", "pydantic", "psutil", "tomlkit", "platformdirs", "numpy", "gguf")
ALIVE_SECONDS = 20.0
"""A keeper touches its file every second; one that has not for so long is gone."""
STARTING_SECONDS = 180.0
"""So long may it take to start, on a machine that is busy."""
BLOCK = 1 << 20
DETACHED = 0x00000008 | 0x00000200
"""DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP of Windows."""

Request = dict[str, typing.Any]


class Refused(Exception):
    """A step that cannot be done here, with a sentence that says why."""


def digest_of(folder: pathlib.Path) -> str:
    """sha256 over the names and contents of all files below a folder, in one order on every system."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).as_posix()):
        if path.is_file():
            one = hashlib.sha256()
            with path.open("rb") as file:
                for block in iter(lambda: file.read(BLOCK), b""):
                    one.update(block)
            whole.update(f"{path.relative_to(folder).as_posix()}\0{one.hexdigest()}\n".encode())
    return whole.hexdigest()


def unpack(source: typing.BinaryIO, target: pathlib.Path) -> None:
    """The files of a tar stream below `target`: plain files only, none outside of it."""
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            parts = pathlib.PurePosixPath(member.name).parts
            if member.isdir():
                continue
            if not member.isfile() or not parts or ".." in parts or member.name.startswith(("/", "\\")):
                raise Refused(f"{member.name} is nothing that may be unpacked")
            path = target.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            content = archive.extractfile(member)
            assert content is not None
            part = path.with_name(path.name + ".part")
            with part.open("wb") as file:
                shutil.copyfileobj(content, file, BLOCK)
            part.replace(path)


def pack(folder: pathlib.Path, names: typing.Iterable[str], sink: typing.BinaryIO) -> None:
    """Files and folders below `folder` as a tar stream; what is not there is left out."""
    with tarfile.open(fileobj=sink, mode="w|") as archive:
        for name in names:
            top = folder / name
            files = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
            for path in files:
                if not path.is_symlink():
                    archive.add(path, path.relative_to(folder).as_posix(), recursive=False)


def count_as_alive(run: pathlib.Path) -> None:
    """Until its keeper says so itself, which takes seconds, and minutes on a machine that is busy."""
    until = time.time() + STARTING_SECONDS - ALIVE_SECONDS
    (run / "alive").touch()
    os.utime(run / "alive", (until, until))


class There:
    """What is kept at one place."""

    def __init__(self, request: Request) -> None:
        root = pathlib.Path(str(request["root"])).expanduser()
        root.mkdir(parents=True, exist_ok=True)
        self.root, self.request = root, request
        self.run = root / "runs" / _name(request.get("run", "none"))
        """The run's data folder."""
        self.work = self.run / "runs" / self.run.name
        """The run folder itself."""

    def missing(self, *_: typing.Any) -> Request:
        """Which things of these digests have still to be sent."""
        digests = [_name(one) for one in self.request["digests"]]
        return {"missing": [one for one in digests if not (self.root / "things" / one).is_dir()]}

    def put(self, source: typing.BinaryIO, _: typing.BinaryIO) -> Request:
        """Unpack a thing, which is kept only if it is what its digest says."""
        target = self.root / "things" / _name(self.request["digest"])
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            unpack(source, part)
            if digest_of(part) != target.name:
                raise Refused("it arrived changed")
            if not target.is_dir():
                part.replace(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return {}

    def put_run(self, source: typing.BinaryIO, _: typing.BinaryIO) -> Request:
        """Unpack what belongs to one run only, dataset and run folder, into its data folder."""
        if self._alive():
            # It was taken for gone, and was only slow: it goes on with what it has.
            return {"under_way": True}
        self.run.mkdir(parents=True, exist_ok=True)
        unpack(source, self.run)
        return {"under_way": False}

    def part(self, source: typing.BinaryIO, _: typing.BinaryIO) -> Request:
        """One more part of a payload that is too large for one request."""
        folder = self.root / "uploads"
        folder.mkdir(exist_ok=True)
        with (folder / _name(self.request["upload"])).open("ab") as file:
            shutil.copyfileobj(source, file, BLOCK)
        return {}

    def prepare(self, *_: typing.Any) -> Request:
        """What a keeper finds when it starts."""
        absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if absent:
            raise Refused(f"the Python there ({sys.executable}) lacks {', '.join(absent)}")
        for old in ("ended.json", "leave", "alive"):
            (self.run / old).unlink(missing_ok=True)
        (self.run / "spec.json").write_text(json.dumps(self.request["spec"]), encoding="utf-8")
        return {}

    def begin(self, *_: typing.Any) -> Request:
        """Start what stays with the run, unless it is there; it needs no connection from then on."""
        if self._alive():
            return {"began": False}
        self.prepare()
        code = self.root / "things" / _name(self.request["spec"]["code"])
        command = [sys.executable, "-m", "aeon_plugin_ft.training.places.keeper", str(self.run), str(self.root)]
        apart: Request = {"creationflags": DETACHED} if os.name == "nt" else {"start_new_session": True}
        count_as_alive(self.run)
        with (self.run / "keeper.log").open("ab") as log:
            subprocess.Popen(
                command, cwd=self.run, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}, **apart,
            )  # fmt: skip
        return {"began": True}

    def look(self, _: typing.BinaryIO, sink: typing.BinaryIO) -> Request:
        """How the run does; the payload is its progress file from `offset` on."""
        progress = self.work / "progress.jsonl"
        offset = int(self.request.get("offset", 0))
        if progress.is_file():
            with progress.open("rb") as file:
                file.seek(offset)
                sink.write(file.read())
        steps = self.work / "checkpoints"
        whole = sorted(p.name for p in steps.glob("step-*") if not p.suffix) if steps.is_dir() else []
        ended = self.run / "ended.json"
        return {
            "there": (self.work / "run.json").is_file(),
            "alive": self._alive(),
            "ended": json.loads(ended.read_text(encoding="utf-8")) if ended.is_file() else None,
            "checkpoints": whole,
        }

    def used(self, *_: typing.Any) -> Request:
        """The share of this machine that its own people use now: of the processor or of the busiest graphics card."""
        import psutil

        shares = [psutil.cpu_percent(0.5) / 100]
        nvidia = shutil.which("nvidia-smi")
        if nvidia is not None:
            query = [nvidia, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
            done = subprocess.run(query, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
            shares += [int(line) / 100 for line in done.stdout.split() if line.isdigit()]
        return {"share": max(shares)}

    def leave(self, *_: typing.Any) -> Request:
        """Ask the run to save and leave, for a cause."""
        if self.run.is_dir():
            (self.run / "leave").write_text(str(self.request["cause"]), encoding="utf-8")
        return {}

    def get(self, _: typing.BinaryIO, sink: typing.BinaryIO) -> Request:
        """Files and folders of the run folder, as a tar stream."""
        pack(self.work, [_inside(name) for name in self.request["names"]], sink)
        return {}

    def clean(self, *_: typing.Any) -> Request:
        """Nothing of this run stays; the base model does, for the next one."""
        if self._alive():
            raise Refused("it is under way here")
        shutil.rmtree(self.run, ignore_errors=True)
        return {}

    def _alive(self) -> bool:
        try:
            return time.time() - (self.run / "alive").stat().st_mtime < ALIVE_SECONDS
        except OSError:
            return False


VERBS = ("missing", "part", "put", "put_run", "prepare", "begin", "look", "used", "leave", "get", "clean")


def _name(text: typing.Any) -> str:
    name = str(text)
    if not name or not all(letter.isalnum() or letter in "-_" for letter in name):
        raise Refused(f"{name!r} is no name")
    return name


def _inside(text: typing.Any) -> str:
    parts = pathlib.PurePosixPath(str(text)).parts
    if not parts or ".." in parts or str(text).startswith(("/", "\\")):
        raise Refused(f"{text!r} is no name in the run folder")
    return "/".join(parts)


def answer(source: typing.BinaryIO, sink: typing.BinaryIO) -> None:
    """Do what the request on `source` asks and write the answer."""
    # The dataset and the weights are the owner's alone, on whatever machine they lie.
    os.umask(0o077)
    request: Request = json.loads(source.readline())
    payload = io.BytesIO() if request["verb"] != "get" else None
    try:
        if request["verb"] not in VERBS:
            raise Refused(f"there is no verb {request['verb']}")
        there = There(request)
        if "upload" in request and request["verb"] != "part":
            upload = there.root / "uploads" / _name(request["upload"])
            with upload.open("rb") as whole:
                result = {"ok": True, **getattr(there, request["verb"])(whole, payload)}
            upload.unlink()
        elif payload is None:
            # Straight through: an adapter may be larger than the memory that is free.
            sink.write(MARK + b'{"ok": true}\n')
            there.get(source, sink)
            return
        else:
            result = {"ok": True, **getattr(there, request["verb"])(source, payload)}
    except (Refused, OSError, ValueError, KeyError, tarfile.TarError) as error:
        kind = "" if isinstance(error, Refused) else f"{type(error).__name__}: "
        result = {"ok": False, "error": f"{kind}{error}"}
    sink.write(MARK + json.dumps(result).encode() + b"\n")
    if payload is not None and result["ok"]:
        sink.write(payload.getvalue())


class Lines(io.RawIOBase):
    """A sink that writes base64 lines, each behind a mark."""

    def __init__(self, sink: typing.BinaryIO) -> None:
        self.sink, self.left = sink, b""

    def writable(self) -> bool:
        return True

    def write(self, block: typing.Any) -> int:
        self.left += bytes(block)
        cut = len(self.left) - len(self.left) % 57000
        self._out(self.left[:cut])
        self.left = self.left[cut:]
        return len(block)

    def end(self) -> None:
        """The last, shorter line, and the mark that says that nothing is missing."""
        self._out(self.left)
        self.sink.write(b"AEON64 .\n")
        self.sink.flush()

    def _out(self, block: bytes) -> None:
        for start in range(0, len(block), 57000):
            self.sink.write(b"AEON64 " + base64.b64encode(block[start : start + 57000]) + b"\n")


def main() -> None:
    """One request from stdin to stdout."""
    if "--text" in sys.argv:
        lines = Lines(sys.stdout.buffer)
        answer(sys.stdin.buffer, typing.cast(typing.BinaryIO, lines))
        lines.end()
    else:
        answer(sys.stdin.buffer, sys.stdout.buffer)
    sys.stdout.flush()


if __name__ == "__main__":
    main()

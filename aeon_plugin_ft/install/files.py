"""Writing the module into an Aeon and taking it out: whole files, listed in a manifest with their hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft import __version__
from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.extras import origin
from aeon_plugin_ft.install.aeon_folder import AeonFolder, Probe, find_python, noted_python, probe, read_folder
from aeon_plugin_ft.install.remembered import forget_aeon, remember_aeon
from aeon_plugin_ft.install.template import FOLDER, MANIFEST, MODULE, MODULE_TEXT
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.digest import sha256_hex
from aeon_plugin_ft.store.files import patiently, write_whole

_say = Speaker("errors/install")
_told = Speaker("cli/place")


@dataclass(frozen=True, slots=True)
class InstallReport:
    """What was done. `kept` are files that were left because somebody changed them; `notes` are sentences."""

    root: Path
    version: str | None
    wrote: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    python: Path | None = None
    """The one that starts this Aeon, as far as it was asked about."""

    def __str__(self) -> str:
        unknown = _told("report.unknown", root=self.root)
        lines = [_told("report.known", version=self.version, root=self.root) if self.version else unknown]
        lines += [_told("report.wrote", file=file) for file in self.wrote]
        lines += [_told("report.removed", file=file) for file in self.removed]
        lines += [_told("report.left", file=file) for file in self.kept]
        return "\n".join([*lines, *self.notes])


def install(aeon_root: Path, python: Path | None = None) -> InstallReport:
    """Put the module into the Aeon at `aeon_root`; doing it again changes nothing.

    `python` is the interpreter that starts this Aeon; by default the one of a virtual environment in
    its folder, else the one that runs this (see find_python). Raises InstallError, with nothing written, when the
    folder is no Aeon, that Python cannot import this package, or a foreign file is in the way.
    """
    aeon = read_folder(aeon_root)
    seen = _importable(aeon, find_python(aeon.root) if python is None else _place_of(python))
    manifest_files = read_manifest(aeon.root)
    module = aeon.root / MODULE
    if module.exists() and not _ours(module, manifest_files):
        raise InstallError(*_say.error("files.foreign", module=module))
    wrote = _write(aeon, module, seen, named=python is not None)
    remember_aeon(aeon.root)
    notes = [_told("install.python", version=seen.python, path=seen.executable, package=seen.package)]
    notes.append(_told("install.start" if wrote else "install.already"))
    return InstallReport(aeon.root, aeon.version, wrote=wrote, notes=tuple(notes), python=seen.executable)


def uninstall(aeon_root: Path, purge: bool = False) -> InstallReport:
    """Take away exactly what `install` wrote, and what Python made of it; data only with `purge`.

    Works on an Aeon that is damaged, too. Raises InstallError when the plugin is not there.
    """
    root = aeon_root.expanduser().absolute()
    manifest_files = read_manifest(root)
    folder = DataFolder.find(aeon_root=root)
    data = folder.root if purge else None
    if manifest_files is None and not (data and data.exists()):
        raise InstallError(*_say.error("files.not_installed", root=root))
    removed, kept = _remove(root, manifest_files or {})
    forget_aeon(root)
    notes = []
    if data is not None and data.exists() and folder.shared:
        # $AEON_FT_DATA may name somebody's home.
        notes.append(_told("uninstall.shared", folder=data))
    elif data is not None and data.exists():
        patiently(lambda: shutil.rmtree(data))
        removed.append(data)
    elif purge is False and folder.root.exists():
        notes.append(_told("uninstall.kept"))
    return InstallReport(root, _version(root), removed=tuple(removed), kept=tuple(kept), notes=tuple(notes))


def read_manifest(root: Path) -> dict[str, str] | None:
    """Relative file name to SHA-256 of what `install` wrote; None when it is not installed."""
    try:
        listed = json.loads((root / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {str(name): str(digest) for name, digest in listed.items()}


def is_current(root: Path) -> bool:
    """Whether the module in the Aeon is the one that this package would write."""
    module = root / MODULE
    return module.is_file() and sha256_hex(module) == _text_digest()


def _place_of(python: Path) -> Path:
    """As it is found from the Aeon's folder, where it is asked: a name alone is one on the path."""
    there = python.expanduser()
    found = shutil.which(there) if there.parent == Path() and not there.is_file() else None
    return Path(found) if found is not None else there.absolute()


def _importable(aeon: AeonFolder, python: Path) -> Probe:
    seen = probe(python, aeon.root)
    if seen.package is None:
        raise InstallError(*_say.error("python.no_plugin", python=python, reason=seen.error, package=origin()))
    return seen


def _ours(module: Path, manifest_files: dict[str, str] | None) -> bool:
    """Ours as it was written, by this version or by the one that left the manifest."""
    return sha256_hex(module) in ((manifest_files or {}).get(MODULE), _text_digest())


def _write(aeon: AeonFolder, module: Path, seen: Probe, *, named: bool) -> tuple[Path, ...]:
    noted, was_named = noted_python(aeon.root)
    same = noted == seen.executable and (was_named or not named)
    if same and is_current(aeon.root) and read_manifest(aeon.root) is not None:
        return ()
    manifest = {
        "plugin": __version__,
        "aeon": aeon.version,
        "python": str(seen.executable),
        "python_named": named or (was_named and noted == seen.executable),
        "installed_at": time.time(),
        "files": {MODULE: _text_digest()},
    }
    try:
        module.parent.mkdir(exist_ok=True)
        # The manifest first: whatever a power cut leaves, uninstall knows of it.
        write_whole(aeon.root / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False), shared=True)
        write_whole(module, MODULE_TEXT, shared=True)
    except OSError as error:
        raise InstallError(*_say.error("files.not_written", folder=module.parent, reason=refusal(error))) from error
    return module, aeon.root / MANIFEST


def _remove(root: Path, digests: dict[str, str]) -> tuple[list[Path], list[Path]]:
    removed: list[Path] = []
    kept: list[Path] = []
    for name, digest in digests.items():
        file = root / name
        if file.is_file() and sha256_hex(file) != digest:
            kept.append(file)
        elif file.is_file():
            file.unlink()
            removed.append(file)
            for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
                compiled.unlink()
    if (root / MANIFEST).is_file():
        (root / MANIFEST).unlink()
        removed.append(root / MANIFEST)
    for folder in (root / FOLDER / "__pycache__", root / FOLDER):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return removed, kept


def _version(root: Path) -> str | None:
    try:
        return read_folder(root).version
    except InstallError:
        return None


def _text_digest() -> str:
    return hashlib.sha256(MODULE_TEXT.encode("utf-8")).hexdigest()

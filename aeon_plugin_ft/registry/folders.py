"""Version folders on disk: written whole, marked when they may not be used any more, tidied after a crash."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import RegistryError
from aeon_plugin_ft.evaluation.model import Verdict, read_check
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry.model import VersionState
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import whole_folder, write_json, write_whole
from aeon_plugin_ft.store.seal import seal

_say = Speaker("errors/registry")

ADAPTER = "adapter"
"""The adapter's folder inside a version."""
WITHDRAWN = "withdrawn.json"
"""Beside a version's manifest once it may not be used any more; it outlives the database."""
LEFTOVER_SECONDS = 600.0
"""A half-written file that has not changed for so long was left by a crash."""


def write_version(
    folder: Path,
    adapter: Path,
    manifest: Mapping[str, Any],
    report: Mapping[str, Any],
    page: str,
    judged: Mapping[str, str] | None = None,
) -> None:
    """Fill the folder under another name, the manifest last, and bring it into place. The manifest gets the digest of
    every file of the adapter.

    Raises RegistryError when the adapter is not the one with the digests `judged`: what was measured is what is kept.
    """
    with whole_folder(folder) as part:
        private.copy_folder(adapter, part / ADAPTER)
        sealed = seal(part / ADAPTER)
        if judged is not None and sealed != judged:
            raise RegistryError(*_say.error("version.changed_meanwhile", adapter=adapter))
        manifest = {**manifest, "files": {f"{ADAPTER}/{name}": digest for name, digest in sealed.items()}}
        write_json(part / "report.json", report)
        private.write_file(part / "report.html", page)
        write_json(part / "manifest.json", manifest)


def replace_report(folder: Path, report: Mapping[str, Any], page: str | None) -> None:
    """Another report in place of a version's, which no digest of its manifest covers; None for no page. Raises
    OSError."""
    # The page first: whoever is cut off in between finds the old document, and does it again.
    if page is None:
        (folder / "report.html").unlink(missing_ok=True)
    else:
        write_whole(folder / "report.html", page)
    write_json(folder / "report.json", report)


def not_changed_lately(folder: Path, pattern: str) -> list[Path]:
    """Things without a name of their writer's that nobody can be writing any more: another process may be in the
    middle of one. Of parts store.files knows better (`left_behind`)."""
    parts = []
    for part in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # its writer has just renamed it into place
            # By age, since these names do not say which process writes: copying an adapter takes seconds.
            if time.time() - part.stat().st_mtime > LEFTOVER_SECONDS:
                parts.append(part)
    return parts


def state_on_disk(folder: Path, verdict: Verdict) -> tuple[VersionState, str | None]:
    """State and reason of a version that the database does not know."""
    try:
        mark = json.loads((folder / WITHDRAWN).read_text(encoding="utf-8"))
        return VersionState(mark["state"]), str(mark["reason"])
    except FileNotFoundError:
        state = VersionState.ACCEPTED if verdict.accepted else VersionState.REJECTED
        return state, "; ".join(verdict.reasons) or None
    except (OSError, ValueError, KeyError, TypeError):
        # In doubt not used: the mark is there, so the version was withdrawn for some reason.
        return VersionState.REJECTED, "its mark of withdrawal cannot be read"


def verdict_of(raw: Mapping[str, Any]) -> Verdict:
    """A verdict as it stands in a manifest, also in one of an earlier release."""
    return Verdict(
        accepted=raw["accepted"],
        checks=tuple(read_check(check) for check in raw["checks"]),
        numbers=dict(raw["numbers"]),
    )

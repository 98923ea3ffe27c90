"""Versions on disk and which of them is in use.

A version folder is immutable: it is filled under another name, its manifest is written last, and the
folder is renamed into place. What changes (its state, promotions) lives in the store.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.errors import OvertakenError, RegistryError
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.messages import Language, Speaker, language
from aeon_plugin_ft.registry.canaries import was_canary
from aeon_plugin_ft.registry.folders import WITHDRAWN, state_on_disk, verdict_of, write_version
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.registry.promotions import Promotion, last_promotion, note_promotion, promoted
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.files import PART, patiently, remove_left_behind, write_json
from aeon_plugin_ft.wording import english

_say = Speaker("errors/registry")

BASE = "base"
"""The name of no version at all: the untrained model."""
NEWEST = "versions.newest"
"""Fact: the highest number ever given, so that no name is given twice."""
_UNUSABLE = (VersionState.REJECTED, VersionState.TAINTED)


class Registry:
    """Creates, lists, promotes and rolls back versions."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data = data
        self.store = store

    # -- making versions -----------------------------------------------------------------------

    def create(
        self,
        *,
        run: str,
        adapter: Path,
        dataset: str,
        base: str,
        base_digest: str,
        verdict: Verdict,
        parent: str | None = None,
        report: Mapping[str, Any] | None = None,
        judged: Mapping[str, str] | None = None,
    ) -> Version:
        """Register a trained adapter under the next free name, accepted or rejected as the verdict says. `judged` is
        the seal of the adapter that was measured (None: whatever is there now).

        A run has one version: calling again for the same run returns it (a crash between the folder and
        the row is healed).
        """
        made = self.version_of(run)
        if made is not None:
            return self.get(made)
        name = self.next_name()
        folder = self.data.versions / name
        manifest = {
            "name": name,
            "run": run,
            "dataset": dataset,
            "base": base,
            "base_digest": base_digest,
            "parent": parent,
            "created": time.time(),
            "verdict": asdict(verdict),
            "served": dict((report or {}).get("served", {})),
        }
        # Late: who asks what is in use draws no report.
        from aeon_plugin_ft.evaluation.report.page import html_page

        page = html_page(name, float(str(manifest["created"])), verdict, report or {})
        write_version(folder, adapter, manifest, report or {}, page, judged)
        state = VersionState.ACCEPTED if verdict.accepted else VersionState.REJECTED
        self._insert(manifest, state, "; ".join(verdict.reasons) or None)
        # Forgetting may have reached the parent while this run still trained.
        if parent is not None and self._state_of(parent) is VersionState.TAINTED:
            self._withdraw(name, VersionState.TAINTED, f"it went on from {parent}, which is tainted")
        return self.get(name)

    def next_name(self) -> str:
        """The name that the next version will get."""
        row = self.store.row("SELECT max(number) AS newest FROM versions")
        newest = max((row["newest"] if row is not None else None) or 0, int(self.store.fact(NEWEST, 0)))
        # The folders too: a database that was lost must not give out their names again.
        on_disk = [int(path.name[1:5]) for path in self.data.versions.glob("v[0-9][0-9][0-9][0-9]")]
        return f"v{max([newest, *on_disk]) + 1:04d}"

    def _insert(self, manifest: Mapping[str, Any], state: VersionState, reason: str | None) -> None:
        self.store.execute(
            # IGNORE: another process may have healed the same folder a moment ago.
            "INSERT OR IGNORE INTO versions (name, number, created, run, dataset, base, parent, state, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            manifest["name"],
            int(manifest["name"][1:]),
            manifest["created"],
            manifest["run"],
            manifest["dataset"],
            manifest["base"],
            manifest["parent"],
            state.value,
            reason,
        )

    def heal(self) -> list[str]:
        """Add versions that are on disk but not in the store (a crash, or a lost database); remove
        half-written folders. Returns the names that were added."""
        remove_left_behind(self.data.versions)
        in_store = {row["name"] for row in self.store.rows("SELECT name FROM versions")}
        added = []
        for path in sorted(self.data.versions.glob("v*/manifest.json")):
            if path.parent.name in in_store or path.parent.suffix == PART:  # another process is just writing it
                continue
            manifest = json.loads(path.read_text(encoding="utf-8"))
            state, reason = state_on_disk(path.parent, verdict_of(manifest["verdict"]))
            self._insert(manifest, state, reason)
            added.append(path.parent.name)
        return added

    # -- reading -------------------------------------------------------------------------------

    def versions(self) -> list[Version]:
        """Every version, oldest first."""
        return [self.get(row["name"]) for row in self.store.rows("SELECT name FROM versions ORDER BY number")]

    def get(self, name: str) -> Version:
        """One version by name ("v0003", "v3" or "3"); raise RegistryError when there is none."""
        row = self.store.row("SELECT * FROM versions WHERE name = ?", normal_name(name))
        if row is None:
            have = ", ".join(r["name"] for r in self.store.rows("SELECT name FROM versions ORDER BY number"))
            raise RegistryError(*_say.error("version.none" if have else "version.none_at_all", name=name, have=have))
        path = self.data.versions / row["name"] / "manifest.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RegistryError(*_say.error("version.unreadable", version=row["name"], path=path)) from error
        return Version(
            name=row["name"],
            folder=path.parent,
            run=manifest["run"],
            dataset=manifest["dataset"],
            base=manifest["base"],
            base_digest=manifest["base_digest"],
            parent=manifest["parent"],
            created=manifest["created"],
            verdict=verdict_of(manifest["verdict"]),
            state=VersionState(row["state"]),
            served=manifest.get("served", {}),
            files=manifest.get("files", {}),
        )

    def version_of(self, run: str) -> str | None:
        """The name of the version that a run made, accepted or not; None while it has no verdict."""
        row = self.store.row("SELECT name FROM versions WHERE run = ?", run)
        return None if row is None else str(row["name"])

    def run_of(self, name: str) -> str | None:
        """The run that made a version; None when there is no such version."""
        row = self.store.row("SELECT run FROM versions WHERE name = ?", name)
        return None if row is None else str(row["run"])

    def left_unpromoted(self, before: float) -> str | None:
        """The newest version, where it was accepted, made before that moment (seconds since the epoch), and neither
        put into use nor tried beside another since: a crash came in between."""
        row = self.store.row("SELECT name, state, created FROM versions ORDER BY number DESC LIMIT 1")
        if row is None or row["state"] != VersionState.ACCEPTED.value or row["created"] >= before:
            return None
        last = self.last_promotion()
        used = last is not None and last.at >= row["created"]
        return None if used or was_canary(self.store, row["name"]) else str(row["name"])

    def was_removed(self, name: str) -> bool:
        """Whether this version was registered once and is no more; False for the base, and for a candidate that is
        being judged."""
        number, candidate = name.removeprefix("v"), self.next_name().removeprefix("v")
        return number.isdigit() and int(number) < int(candidate) and self._state_of(name) is None

    def states(self) -> dict[str, VersionState]:
        """The state of every version by its name, oldest first; reads no manifest."""
        rows = self.store.rows("SELECT name, state FROM versions ORDER BY number")
        return {row["name"]: VersionState(row["state"]) for row in rows}

    def report(self, version: Version) -> dict[str, Any]:
        """The report kept with a version (evaluation/report/); {} where it was forgotten. Raises RegistryError."""
        path = version.folder / "report.json"
        try:
            loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RegistryError(*_say.error("version.no_report", path=path, reason=error)) from error
        return loaded

    def current(self) -> str:
        """The version in use, "base" when none is."""
        last = self.last_promotion()
        return BASE if last is None else last.version

    def last_promotion(self, version: str | None = None) -> Promotion | None:
        """The newest change of what answers, or the newest to `version`; None when there was none."""
        return last_promotion(self.store, version)

    def previous(self) -> str:
        """What was in use before the current one and may and can be used again; going back twice goes back two
        steps."""
        stack: list[str] = [BASE]
        for version in promoted(self.store):
            # The log of promotions read as steps: a return to the one before takes a step back, and is no step of its
            # own.
            if len(stack) > 1 and version == stack[-2]:
                stack.pop()
            elif version != stack[-1]:
                stack.append(version)
        return next((name for name in reversed(stack[:-1]) if self.usable(name) and self._whole(name)), BASE)

    def _whole(self, name: str) -> bool:
        """Whether going back to it would work: a file that was lost or changed since would refuse it."""
        if name == BASE:
            return True
        try:
            return not self.get(name).faults(read=False)
        except RegistryError:
            return False  # its manifest cannot be read

    def usable(self, name: str) -> bool:
        """Whether `name` may answer: the base always, a version unless it was rejected or tainted."""
        if name == BASE:
            return True
        state = self._state_of(name)
        return state is not None and state not in _UNUSABLE

    def _state_of(self, name: str) -> VersionState | None:
        row = self.store.row("SELECT state FROM versions WHERE name = ?", name)
        return None if row is None else VersionState(row["state"])

    # -- changing state ------------------------------------------------------------------------

    def promote(self, name: str, cause: PromotionCause, reason: str = "", *, instead_of: str | None = None) -> str:
        """Make `name` (or "base") the version in use; returns the one it replaced. `reason` says why to people, and is
        made from the cause when it is left out.

        `instead_of`: only while that one is in use; OvertakenError when somebody has chosen another since.
        Raises RegistryError for a rejected or tainted version: neither ever comes back.
        """
        if name != BASE:
            version = self.get(name)
            name = version.name
            if version.state in _UNUSABLE:
                # What was noted is English; another language says it by the state.
                noted = self.reason(name) if language() is Language.EN else ""
                why = noted or _say(f"reason.{version.state.value}")
                raise RegistryError(*_say.error(f"not_used.{version.state.value}", version=name, why=why))
            version.require_whole()
        # The question and the change in one transaction: of two processes that promote, one sees the other's.
        with self.store.transaction():
            previous = self.current()
            if previous == name:
                return previous
            if instead_of is not None and previous != instead_of:
                raise OvertakenError(name, previous)
            # Made anew from its value, so that a text of a caller without types is refused and never stored.
            note_promotion(self.store, name, previous, PromotionCause(cause), reason)
            # Not over a rejection: going back from a degraded model must not make it usable again.
            self._set_state(previous, VersionState.RETIRED, keep=_UNUSABLE)
            self._set_state(name, VersionState.CURRENT)
        return previous

    def reject(self, name: str, reason: str) -> None:
        """Never use this version again, not even after the database was lost."""
        self._withdraw(name, VersionState.REJECTED, reason)

    def step_back(
        self, name: str, cause: PromotionCause, reason: str = "", *, reject: bool, to: str | None = None
    ) -> str | None:
        """Put `to` (None: what was in use before `name`) into use; `reject`: and never use `name` again.

        Returns what answers from now on, or None (and changes nothing but the rejection) when `name` is not in
        use any more: whoever was quicker has gone back already.
        """
        with self.store.transaction():
            in_use = self.current() == name
            target = self.previous() if to is None else to
            if reject:
                self.reject(name, reason or english(cause))
            if not in_use or target == name:
                return None
            self.promote(target, cause, reason)
        return target

    def reason(self, name: str) -> str:
        """Why a version is in the state it is in; "" when nothing was noted."""
        row = self.store.row("SELECT reason FROM versions WHERE name = ?", normal_name(name))
        return "" if row is None else row["reason"] or ""

    def taint(self, dataset_hashes: set[str], reason: str) -> list[str]:
        """Mark every version trained on one of these datasets, or on from one that was; returns their names."""
        names = self.trained_on(dataset_hashes)
        for name in names:
            self._withdraw(name, VersionState.TAINTED, reason)
        return names

    def trained_on(self, dataset_hashes: set[str]) -> list[str]:
        """Versions that learnt from one of these datasets, by themselves or through the version they went on from;
        oldest first."""
        learnt: list[str] = []
        for row in self.store.rows("SELECT name, dataset, parent FROM versions ORDER BY number"):
            if row["dataset"] in dataset_hashes or row["parent"] in learnt:
                learnt.append(row["name"])
        return learnt

    def _withdraw(self, name: str, state: VersionState, reason: str) -> None:
        """The mark on disk first: a crash in between leaves a version that is not used."""
        folder = self.data.versions / normal_name(name)
        if folder.is_dir():
            write_json(folder / WITHDRAWN, {"state": state.value, "reason": reason, "at": self.store.clock()})
        self._set_state(normal_name(name), state, reason=reason)

    def remove(self, name: str) -> int:
        """Delete a version's files and row; returns the bytes freed. Raises RegistryError for the one in
        use and the one before it: going back must always work."""
        version = self.get(name)
        if version.name in {self.current(), self.previous()}:
            raise RegistryError(*_say.error("version.needed", version=version.name))
        size = sum(path.stat().st_size for path in version.folder.rglob("*") if path.is_file())
        # Before anything is deleted: the number is used up, whatever a crash leaves of the rest.
        self.store.set_fact(NEWEST, max(int(version.name[1:]), int(self.store.fact(NEWEST, 0))))
        patiently(lambda: shutil.rmtree(version.folder))
        self.store.execute("DELETE FROM versions WHERE name = ?", version.name)
        return size

    def _set_state(
        self, name: str, state: VersionState, *, keep: tuple[VersionState, ...] = (), reason: str | None = None
    ) -> None:
        kept = [other.value for other in keep]
        marks = ", ".join("?" for _ in kept)
        self.store.execute(
            f"UPDATE versions SET state = ?, reason = coalesce(?, reason) WHERE name = ? AND state NOT IN ({marks})",
            state.value,
            reason,
            name,
            *kept,
        )


def normal_name(name: str) -> str:
    """ "7", "v7" and "v0007" are the same version."""
    digits = name.lower().removeprefix("v")
    return f"v{int(digits):04d}" if digits.isdigit() else name

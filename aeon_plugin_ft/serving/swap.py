"""Swapping the model under a running brain, and back, without losing a reply.

    begun -> [building -> built -> loading -> loaded -> smoke_tested -> proved] -> deployed
          -> promoted -> flipped -> watched -> retiring -> retired -> done
    any failure before `watched`:  failed -> undone

The steps in brackets are the deployer's own; each is on disk before the next begins (see journal.py). The
brain's route is replaced in one assignment, only after the new model has been loaded and proven; the old
one stays loaded until the new one has answered and the last call on the old one has ended. `recover()`
finishes or undoes what a crash interrupted: once the store has the new version, forwards; before that, back.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from aeon_plugin_ft import events as happened
from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.errors import AeonFtError, OvertakenError, RegistryError, ServingError
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import BASE, Registry, Version, normal_name
from aeon_plugin_ft.serving.ask import ask, greeting
from aeon_plugin_ft.serving.journal import Entry, Journal, Step, process_lives, process_name
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.wording import english
from hooks import Route

log = logging.getLogger("aeon_ft.serving")

HOST = "host"
"""The backend of "nothing of ours": the brain chooses by itself, as before the first promotion."""
_ASKABLE = frozenset({"embedded", "ollama", "openai"})
_WATCH_TOKENS = 4
_INTERRUPTS = (Exception, KeyboardInterrupt, SystemExit)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One swap: what shall answer, through which backend, and what answers now. `version` None and backend
    HOST: nobody of ours. `previous` is the name of what is replaced, `chosen` what the store says is in use: a swap
    is for that state only, and whoever changes it meanwhile wins."""

    version: Version | None
    base: BaseModel | None
    backend: str
    previous: str
    chosen: str
    cause: PromotionCause
    reason: str
    rolled_back: bool
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def name(self) -> str:
        return BASE if self.version is None else self.version.name


class Swapper:
    """Takes versions into use and out of it, one at a time. `deployers` by the names of [serve] backend.

    `resolve` finds the base model of a version by its name; the default looks in the cache and, only if it
    must, on the network.
    """

    def __init__(
        self,
        data: DataFolder,
        store: Store,
        events: EventBus,
        routes: RouteTable,
        deployers: Mapping[str, Deployer],
        *,
        resolve: Callable[[str], BaseModel] | None = None,
    ) -> None:
        self.data, self.store, self.events, self.routes = data, store, events, routes
        self.deployers = deployers
        self.registry = Registry(data, store)
        self.journal = Journal(data.serving / "journal.jsonl")
        self.serving: Deployment | None = None
        self._resolve = resolve or self._resolve_in_cache
        self._one_at_a_time = threading.Lock()

    # -- what the rest of the plugin calls -----------------------------------------------------

    def swap(
        self,
        version: Version | None,
        base: BaseModel,
        backend: str,
        cause: PromotionCause = PromotionCause.OWNER,
        reason: str = "",
        *,
        rolled_back: bool = False,
        chosen: str | None = None,
    ) -> Deployment:
        """Let `version` (None: the base itself) answer from now on; returns what serves it. `rolled_back` is told
        with the event: it answered before. `chosen` is what the store said when this was decided (None: now).

        Raises ServingError (or RegistryError for a version that must not be used); the brain then goes on
        with what it had. OvertakenError: somebody chose another meanwhile, and theirs is to be served.
        Swapping to what is already served only checks that it still answers.
        """
        deployment = self._run(
            self._plan(version, base, backend, cause, reason, rolled_back=rolled_back, chosen=chosen)
        )
        assert deployment is not None  # only the HOST backend has none
        return deployment

    def rollback(self, to: str | None = None, cause: PromotionCause = PromotionCause.UNDONE) -> Deployment | None:
        """Go back to `to` ("v0003", "base"), or to what was in use before; None when the host chooses by itself
        again. Needs no network. Raises RegistryError, ServingError."""
        target = self.registry.previous() if to is None else normal_name(to)
        last = self._last_promoted(target)
        if target == BASE:
            if last is None or last.backend == HOST:
                self.release(cause)
                return None
            return self._run(self._plan(None, self._resolve(last.base), last.backend, cause, "", rolled_back=True))
        version = self.registry.get(target)
        backend = last.backend if last is not None else self._default_backend()
        return self._run(self._plan(version, self._resolve(version.base), backend, cause, "", rolled_back=True))

    def release(
        self, cause: PromotionCause = PromotionCause.UNDONE, reason: str = "", *, chosen: str | None = None
    ) -> None:
        """Leave the choice to the host again, as before the first promotion."""
        self._run(self._plan(None, None, HOST, cause, reason, rolled_back=True, chosen=chosen))

    def rest(self) -> Deployment | None:
        """Take what is served out of memory for a while; the host chooses meanwhile. The store still says what is
        wanted, and `wake` serves it again without a word. Returns what it was; None when nothing of ours is served."""
        with self._one_at_a_time:
            old, self.serving = self.serving, None
            if old is None:
                return None
            self.routes.flip(None)
            self.routes.wait_unused(old.route, old.route.timeout_s)
            self.deployers[old.backend].retire(old)
            return old

    def wake(self) -> None:
        """The end of a rest."""
        with self._one_at_a_time:
            if self.serving is None:
                self._serve_current()

    def recover(self) -> None:
        """After a start: finish or undo what a crash interrupted, then serve what the store says is in use.

        A model that cannot be served is reported (AttentionNeeded) and the host chooses by itself meanwhile.
        """
        with self._one_at_a_time:
            for entries in self.journal.unfinished():
                owner = entries[-1].process
                if owner == process_name() or not process_lives(owner):
                    self._settle(entries)
            self._serve_current()
            if self.serving is not None:
                self._retire_left(keep=self.serving.version)
            self.journal.trim()

    # -- one swap ------------------------------------------------------------------------------

    def _plan(
        self,
        version: Version | None,
        base: BaseModel | None,
        backend: str,
        cause: PromotionCause,
        reason: str,
        *,
        rolled_back: bool,
        chosen: str | None = None,
    ) -> _Plan:
        if backend != HOST and backend not in self.deployers:
            known = ", ".join(self.deployers) or "none"
            raise ServingError(f"There is no backend {backend} here", f"Set [serve] backend to one of: {known}")
        current = self.registry.current()
        if self.serving is not None:
            previous = self.serving.version
        else:
            name = BASE if version is None else version.name
            previous = self.registry.previous() if current == name else current
        return _Plan(version, base, backend, previous, chosen or current, cause, reason, rolled_back)

    def _run(self, plan: _Plan) -> Deployment | None:
        with self._one_at_a_time:
            if self._already(plan):
                return self.serving
            old = self.serving
            self._note(plan, Step.BEGUN)
            deployment: Deployment | None = None
            try:
                deployment = self._deploy(plan)
                self._record_deployment(plan, deployment)
                self._switch(plan, deployment)
                self._watch(plan, deployment)
            except _INTERRUPTS as error:
                self._undo(plan, deployment, old, error)
                raise
            self._announce(plan)
            self._retire_old(plan, old)
            return deployment

    def _already(self, plan: _Plan) -> bool:
        """Is this what is served now, and does it answer? One that does not is replaced by itself."""
        serving = self.serving
        if plan.backend == HOST:
            return serving is None and self.registry.current() == BASE
        if serving is None or (serving.version, serving.backend) != (plan.name, plan.backend):
            return False
        try:
            self.deployers[plan.backend].check(serving)
        except ServingError:
            return False
        self.registry.promote(plan.name, plan.cause, plan.reason, instead_of=plan.chosen)
        return True

    def _deploy(self, plan: _Plan) -> Deployment | None:
        if plan.base is None:
            return None
        deployer: Any = self._deployer(plan.backend)
        listens = hasattr(deployer, "on_step")
        if listens:
            deployer.on_step = lambda step: self._note(plan, step)
        try:
            deployment: Deployment = deployer.deploy(plan.version, plan.base)
        finally:
            if listens:
                deployer.on_step = lambda _: None
        return deployment

    def _deployer(self, backend: str) -> Deployer:
        """A backend whose deployments may move tells us, so that the brain's route follows."""
        deployer: Any = self.deployers[backend]
        if hasattr(deployer, "on_moved"):
            deployer.on_moved = self._moved
        return cast(Deployer, deployer)

    def _moved(self, old: Deployment, new: Deployment) -> None:
        if self.serving == old:
            self.serving = new
            self.routes.flip(new.route)

    def _record_deployment(self, plan: _Plan, deployment: Deployment | None) -> None:
        if deployment is not None:
            self._keep_row(deployment, "serving")
        self._note(plan, Step.DEPLOYED, deployed=None if deployment is None else _record(deployment))

    def _switch(self, plan: _Plan, deployment: Deployment | None) -> None:
        """The registry may still refuse (tainted meanwhile, or another was chosen); the flip itself cannot fail."""
        self.registry.promote(plan.name, plan.cause, plan.reason, instead_of=plan.chosen)
        self._note(plan, Step.PROMOTED)
        self.routes.flip(None if deployment is None else deployment.route)
        self.serving = deployment
        self._note(plan, Step.FLIPPED)

    def _watch(self, plan: _Plan, deployment: Deployment | None) -> None:
        """The new model has answered once, on the route that the brain uses now."""
        if deployment is not None:
            self.deployers[plan.backend].check(deployment)
            if deployment.route.provider in _ASKABLE:
                prompt = getattr(self.deployers[plan.backend], "system_prompt", str)()
                ask(deployment.route, greeting(prompt), _WATCH_TOKENS)
        self._note(plan, Step.WATCHED)

    def _announce(self, plan: _Plan) -> None:
        if plan.rolled_back:
            event: happened.Event = happened.RolledBack(
                version=plan.name, previous=plan.previous, cause=plan.cause, reason=plan.reason or english(plan.cause)
            )
        else:
            event = happened.ModelSwapped(version=plan.name, previous=plan.previous, backend=plan.backend)
        self.events.publish(event)

    def _retire_old(self, plan: _Plan, old: Deployment | None) -> None:
        """The swap has succeeded: an old model that will not leave is only reported."""
        self._note(plan, Step.RETIRING)
        reason = ""
        renewed = old is not None and self.serving is not None and old.route == self.serving.route
        if old is not None and not renewed:  # renewed: the same name serves again, nothing is to be taken away
            try:
                self.routes.wait_unused(old.route, old.route.timeout_s)
                self._retire(old)
            except AeonFtError as error:
                reason = str(error)
                log.warning("the old model %s could not be taken away: %s", old.version, error)
        elif old is None:
            self._retire_left(keep=plan.name)
        self._note(plan, Step.RETIRED, reason=reason)
        self._note(plan, Step.DONE)

    def _undo(self, plan: _Plan, deployment: Deployment | None, old: Deployment | None, error: BaseException) -> None:
        reason = str(error) or type(error).__name__
        self._note_if_possible(plan, Step.FAILED, reason)
        self.routes.flip(None if old is None else old.route)
        self.serving = old
        back = plan.chosen if old is None else old.version
        current = self.registry.current()
        if current in {plan.chosen, plan.name} and self.registry.usable(back):
            with suppress(OvertakenError):
                why = f"{plan.name} could not be served: {reason}"
                self.registry.promote(back, PromotionCause.UNSERVED, why, instead_of=current)
        self._abandon(plan.backend, plan.name, deployment)
        self._note_if_possible(plan, Step.UNDONE, reason)
        if not isinstance(error, OvertakenError):
            self.events.publish(happened.SwapFailed(version=plan.name, reason=reason))

    # -- taking away ---------------------------------------------------------------------------

    def _retire(self, deployment: Deployment) -> None:
        """A deployer that keeps things outside this process has `abandon(version)`: what another process, which is
        gone, has left of a version that nobody uses any more."""
        deployer: Any = self.deployers.get(deployment.backend)
        if deployer is not None:
            deployer.retire(deployment)
        serving = self.serving
        if serving is None or (serving.version, serving.backend) != (deployment.version, deployment.backend):
            if deployer is not None and hasattr(deployer, "abandon"):
                deployer.abandon(deployment.version)
            self._keep_row(deployment, "retired")

    def _abandon(self, backend: str, version: str, deployment: Deployment | None) -> None:
        """Take away what a swap that failed has made, also when it did not come to a deployment."""
        deployer: Any = self.deployers.get(backend)
        try:
            if deployment is not None:
                self._retire(deployment)
            elif deployer is not None and hasattr(deployer, "abandon"):
                deployer.abandon(version)
        except AeonFtError as error:
            log.warning("what is left of %s could not be taken away: %s", version, error)

    # -- after a crash -------------------------------------------------------------------------

    def _settle(self, entries: Sequence[Entry]) -> None:
        """Forwards when the store already has the new version, back otherwise."""
        last = entries[-1]
        if self.registry.current() == last.version:
            self._append(replace(last, step=Step.DONE, reason="finished after a crash", deployed=None))
            return
        made = next((entry.deployed for entry in entries if entry.deployed), None)
        self._abandon(last.backend, last.version, None if made is None else _deployment(made))
        self._append(replace(last, step=Step.UNDONE, reason="undone after a crash", deployed=None))

    def _retire_left(self, keep: str) -> None:
        """Take away what an earlier process served and nobody serves now, as far as it was recorded."""
        for row in self.store.rows("SELECT version, backend FROM deployments WHERE state = 'serving'"):
            if row["version"] == keep:
                continue
            made = [e.deployed for e in self.journal.entries() if e.deployed and e.version == row["version"]]
            if made and row["backend"] in self.deployers:
                self._abandon(row["backend"], row["version"], _deployment(made[-1]))

    def _serve_current(self) -> None:
        current = self.registry.current()
        last = self._last_promoted(current)
        if last is None or last.backend == HOST or last.backend not in self.deployers:
            return
        try:
            version = None if current == BASE else self.registry.get(current)
            base = self._resolve(last.base)
            deployment = self._deployer(last.backend).deploy(version, base)
        except AeonFtError as error:
            self.events.publish(happened.SwapFailed(version=current, reason=str(error)))
            what = f"{current}: {error.what}"
            self.events.publish(happened.AttentionNeeded(trouble=error.trouble, what=what, todo=error.todo))
            return
        self._keep_row(deployment, "serving")
        self.routes.flip(deployment.route)
        self.serving = deployment

    def _last_promoted(self, version: str) -> Entry | None:
        """The newest swap that brought `version` into use."""
        found: Entry | None = None
        for entries in self.journal.swaps().values():
            steps = {entry.step for entry in entries}
            if entries[0].version == version and Step.UNDONE not in steps and steps & {Step.PROMOTED, Step.DONE}:
                found = entries[0]
        return found

    def _default_backend(self) -> str:
        if self.serving is not None:
            return self.serving.backend
        newest = next((e.backend for e in reversed(list(self.journal.entries())) if e.backend in self.deployers), None)
        if newest is None and not self.deployers:
            raise RegistryError("There is no backend to serve with", "Set [serve] backend in plugin.toml")
        return newest or next(iter(self.deployers))

    # -- notes ---------------------------------------------------------------------------------

    def _note(self, plan: _Plan, step: Step, reason: str = "", deployed: dict[str, Any] | None = None) -> None:
        self._append(
            Entry(
                swap=plan.id,
                step=step,
                version=plan.name,
                previous=plan.previous,
                backend=plan.backend,
                base="" if plan.base is None else plan.base.spec,
                process=process_name(),
                reason=reason,
                deployed=deployed,
            )
        )

    def _note_if_possible(self, plan: _Plan, step: Step, reason: str) -> None:
        """On the way back a full disk must not keep the old model from coming back."""
        try:
            self._note(plan, step, reason)
        except AeonFtError as error:
            log.warning("the journal of swaps cannot be written: %s", error)

    def _append(self, entry: Entry) -> None:
        self.journal.write(entry)

    def _keep_row(self, deployment: Deployment, state: str) -> None:
        self.store.execute(
            "INSERT INTO deployments (version, backend, model, digest, state, created) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (version, backend) DO UPDATE SET model = excluded.model, digest = excluded.digest,"
            " state = excluded.state, created = excluded.created",
            deployment.version,
            deployment.backend,
            deployment.model,
            deployment.digest,
            state,
            self.store.clock(),
        )

    def _resolve_in_cache(self, spec: str) -> BaseModel:
        from aeon_plugin_ft.base import resolve_base

        return resolve_base(spec, self.data.cache / "base")


def _record(deployment: Deployment) -> dict[str, Any]:
    """A deployment for the journal: everything but the token."""
    return {**asdict(deployment), "route": {**asdict(deployment.route), "token": None, "fallback": ()}}


def _deployment(record: Mapping[str, Any]) -> Deployment:
    route = Route(**{**record["route"], "fallback": ()})
    return Deployment(**{**record, "route": route})

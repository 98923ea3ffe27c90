"""Swapping the model under a running brain, and back, without losing a reply.

    begun -> [building -> built -> loading -> loaded -> smoke_tested -> proved] -> deployed
          -> promoted -> flipped -> watched -> retiring -> retired -> done
    any failure before `watched`:  failed -> undone

The steps in brackets are the deployer's own; each is on disk before the next begins (see journal.py). The
brain's route is replaced in one assignment, only after the new model has been loaded and proven; the old
one stays loaded until the new one has answered and the last call on the old one has ended. `recover()`
finishes or undoes what a crash interrupted (see recovery.py).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aeon_plugin_ft import events as happened
from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import Place, PromotionCause
from aeon_plugin_ft.errors import AeonFtError, OvertakenError, ServingError
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry import BASE, Registry, Version
from aeon_plugin_ft.serving.backends import deploy_judged, deployer_named
from aeon_plugin_ft.serving.deployments import DeploymentState, DeploymentTable
from aeon_plugin_ft.serving.journal import Journal, SwapStep
from aeon_plugin_ft.serving.leaving import Leaving, place_of, renewed
from aeon_plugin_ft.serving.model import Deployer, Deployment, OnStep, unheard
from aeon_plugin_ft.serving.news import SwapNews
from aeon_plugin_ft.serving.plan import HOST, SwapPlan
from aeon_plugin_ft.serving.recovery import finish_or_undo
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store

log = logging.getLogger("aeon_ft.serving")

_say = Speaker("errors/serving")

# The owner's Ctrl-C and the end of the process too: a swap that is cut off between two steps must go back.
_INTERRUPTS = (Exception, KeyboardInterrupt, SystemExit)


class Swapper:
    """Takes versions into use and out of it, one at a time. `deployers` by the names of [serve] backend; `settings`
    gives [serve] as it stands, and each swap reads it once.

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
        settings: Callable[[], ServeSection],
        *,
        resolve: Callable[[str], BaseModel] | None = None,
        place: Callable[[str], Place] = lambda _: Place.FIRST,
    ) -> None:
        self.data, self.events, self.routes = data, events, routes
        self.deployers, self.settings = deployers, settings
        self.registry = Registry(data, store)
        self.journal = Journal(data.serving / "journal.jsonl")
        self.serving: Deployment | None = None
        self._table = DeploymentTable(store)
        self._leaving = Leaving(deployers, settings, self._table, self.journal)
        self._resolve = resolve or self._resolve_in_cache
        self._one_at_a_time = threading.Lock()
        self._news = SwapNews(events, place)

    # -- what the rest of the plugin calls -----------------------------------------------------

    def serves(self, name: str) -> bool:
        """Whether this version ("base": the untrained model) answers now, and as [serve] says: through that backend, at
        that address, in that size. False after an edit of plugin.toml too; `swap` then moves it there."""
        serving, settings = self.serving, self.settings()
        if serving is None or serving.version != name or serving.backend != settings.backend:
            return False
        return self.deployers[serving.backend].fits(serving, settings)

    def swap(
        self,
        version: Version | None,
        base: BaseModel,
        cause: PromotionCause = PromotionCause.OWNER,
        reason: str = "",
        *,
        rolled_back: bool = False,
        chosen: str | None = None,
    ) -> Deployment:
        """Let `version` (None: the base itself) answer from now on, as [serve] says; returns what serves it.
        `rolled_back` is told with the event: it answered before. `chosen` is what the store said when this was decided
        (None: now).

        Raises ServingError (or RegistryError for a version that must not be used); the brain then goes on
        with what it had. OvertakenError: somebody chose another meanwhile, and theirs is to be served.
        Swapping to what is already served only checks that it still answers.
        """
        settings = self.settings()
        plan = self._plan(
            version, base, settings.backend, settings, cause, reason, rolled_back=rolled_back, chosen=chosen
        )
        deployment = self._run(plan)
        assert deployment is not None  # only the HOST backend has none
        return deployment

    def release(
        self, cause: PromotionCause = PromotionCause.UNDONE, reason: str = "", *, chosen: str | None = None
    ) -> None:
        """Leave the choice to the host again, as before the first promotion."""
        self._run(self._plan(None, None, HOST, self.settings(), cause, reason, rolled_back=True, chosen=chosen))

    def rest(self) -> Deployment | None:
        """Take what is served out of memory for a while; the host chooses meanwhile. The store still says what is
        wanted, and `wake` serves it again without a word. Returns what it was; None when nothing of ours is served."""
        with self._one_at_a_time:
            old, self.serving = self.serving, None
            if old is None:
                return None
            # Before the wait: from here on no call begins on it, and those that have begun may end.
            self.routes.flip(None)
            self.routes.wait_unused(old.route, old.route.timeout_s)
            self.deployers[old.backend].retire(old, self.settings())
            return old

    def wake(self) -> None:
        """The end of a rest."""
        with self._one_at_a_time:
            if self.serving is None:
                self._serve_current()

    def recover(self) -> None:
        """After a start: finish or undo what a crash interrupted, then serve what the store says is in use, where it
        was served before.

        A model that cannot be served is reported (AttentionNeeded) and the host chooses by itself meanwhile.
        """
        with self._one_at_a_time:
            finish_or_undo(self.journal, self.registry, self._leaving)
            self._serve_current()
            if self.serving is not None:
                self._leaving.retire_left((self.serving.version, self.serving.backend))
            self.journal.trim()

    # -- one swap ------------------------------------------------------------------------------

    def _plan(
        self,
        version: Version | None,
        base: BaseModel | None,
        backend: str,
        settings: ServeSection,
        cause: PromotionCause,
        reason: str,
        *,
        rolled_back: bool,
        chosen: str | None = None,
    ) -> SwapPlan:
        if backend != HOST:
            deployer_named(backend, self.deployers)  # a name that there is not is told before anything begins
        current = self.registry.current()
        if self.serving is not None:
            previous = self.serving.version
        else:
            # Nothing is served, so what the store says is replaced; if that is what shall be served, the one before it.
            name = BASE if version is None else version.name
            previous = self.registry.previous() if current == name else current
        return SwapPlan(version, base, backend, settings, previous, chosen or current, cause, reason, rolled_back)

    def _run(self, plan: SwapPlan) -> Deployment | None:
        with self._one_at_a_time:
            if self._already(plan):
                return self.serving
            old = self.serving
            self._note(plan, SwapStep.BEGUN)
            deployment: Deployment | None = None
            try:
                deployment = self._deploy(plan)
                self._record_deployment(plan, deployment)
                self._switch(plan, deployment)
                self._watch(plan, deployment)
            except _INTERRUPTS as error:
                self._undo(plan, deployment, old, error)
                raise
            self._news.succeeded(plan)
            self._retire_old(plan, old)
            return deployment

    def _already(self, plan: SwapPlan) -> bool:
        """Is this what is served now, as planned, and does it answer? One that does not is replaced by itself."""
        serving = self.serving
        if plan.backend == HOST:
            return serving is None and self.registry.current() == BASE
        if serving is None or place_of(serving) != (plan.name, plan.backend):
            return False
        deployer = self.deployers[plan.backend]
        if not deployer.fits(serving, plan.settings):
            return False
        try:
            deployer.check(serving)
        except ServingError:
            # Not an error of the swap: it goes on and deploys what does not answer anew.
            return False
        self.registry.promote(plan.name, plan.cause, plan.reason, instead_of=plan.chosen)
        return True

    def _deploy(self, plan: SwapPlan) -> Deployment | None:
        if plan.base is None:
            return None
        return self._deployed(plan.backend, plan.version, plan.base, plan.settings, lambda step: self._step(plan, step))

    def _step(self, plan: SwapPlan, step: SwapStep) -> None:
        """One of the deployer's steps. A swap that was called off meanwhile ends here, and not when all is loaded."""
        self._note(plan, step)
        if (current := self.registry.current()) != plan.chosen:
            raise OvertakenError(plan.name, current)

    def _deployed(
        self, backend: str, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep = unheard
    ) -> Deployment:
        deployer = self.deployers[backend]
        return deploy_judged(backend, deployer, self._table, version, base, settings, on_step, self._moved)

    def _moved(self, old: Deployment, new: Deployment) -> None:
        """A deployment came back elsewhere after a crash: the brain's route follows. Called from the deployer's own
        thread, and never under the lock: a swap holds that while it waits for this very thread to end."""
        serving = self.serving
        if serving is not None and serving.route == old.route:
            self.serving = replace(serving, route=new.route)
            self.routes.flip(new.route)

    def _record_deployment(self, plan: SwapPlan, deployment: Deployment | None) -> None:
        if deployment is not None:
            self._table.keep(deployment, DeploymentState.SERVING)
        self._note(plan, SwapStep.DEPLOYED, deployed=None if deployment is None else deployment.record())

    def _switch(self, plan: SwapPlan, deployment: Deployment | None) -> None:
        """The registry may still refuse (tainted meanwhile, or another was chosen); the flip itself cannot fail."""
        # The store before the route: after a crash in between, recovery serves what the store says. The other way round
        # the brain would have talked to a model that nobody remembers.
        self.registry.promote(plan.name, plan.cause, plan.reason, instead_of=plan.chosen)
        self._note(plan, SwapStep.PROMOTED)
        self.routes.flip(None if deployment is None else deployment.route)
        self.serving = deployment
        self._note(plan, SwapStep.FLIPPED)

    def _watch(self, plan: SwapPlan, deployment: Deployment | None) -> None:
        """The new model has answered once, on the route that the brain uses now."""
        if deployment is not None:
            self.deployers[plan.backend].check(deployment)
            self.deployers[plan.backend].warm_prompt(deployment)
        self._note(plan, SwapStep.WATCHED)

    def _retire_old(self, plan: SwapPlan, old: Deployment | None) -> None:
        """The swap has succeeded: an old model that will not leave is only reported."""
        self._note(plan, SwapStep.RETIRING)
        reason = ""
        if old is not None and not renewed(old, self.serving):
            try:
                self.routes.wait_unused(old.route, old.route.timeout_s)
                self._leaving.retire(old, place_of(self.serving))
            except AeonFtError as error:
                reason = str(error)
                log.warning("the old model %s could not be taken away: %s", old.version, error)
        elif old is None:
            self._leaving.retire_left((plan.name, plan.backend))
        self._note(plan, SwapStep.RETIRED, reason=reason)
        self._note(plan, SwapStep.DONE)

    def _undo(
        self, plan: SwapPlan, deployment: Deployment | None, old: Deployment | None, error: BaseException
    ) -> None:
        reason = str(error) or type(error).__name__
        self._note_if_possible(plan, SwapStep.FAILED, reason)
        # First: whatever else of the way back fails, the brain answers with what it had.
        self.routes.flip(None if old is None else old.route)
        self.serving = old
        # On a full disk too what was made is taken away; the follower finds what is wanted.
        with suppress(sqlite3.Error):
            self._take_back(plan, plan.chosen if old is None else old.version, reason)
        self._leaving.abandon(plan.backend, plan.name, deployment, place_of(old))
        if old is not None and deployment is not None and place_of(old) == place_of(deployment):
            self._table.keep(old, DeploymentState.SERVING)  # its row was that of the failed one for a moment
        self._note_if_possible(plan, SwapStep.UNDONE, reason)
        if not isinstance(error, OvertakenError):
            self._news.failed(plan, reason)

    def _take_back(self, plan: SwapPlan, back: str, reason: str) -> None:
        """Only our own change: another version that somebody chose meanwhile stays chosen."""
        current = self.registry.current()
        if current in {plan.chosen, plan.name} and self.registry.usable(back):
            with suppress(OvertakenError):
                why = _say("swap.unserved", version=plan.name, reason=reason)
                self.registry.promote(back, PromotionCause.UNSERVED, why, instead_of=current)

    # -- after a crash -------------------------------------------------------------------------

    def _serve_current(self) -> None:
        current = self.registry.current()
        last = self.journal.last_promoted(current)
        if last is None or last.backend == HOST or last.backend not in self.deployers:
            return
        try:
            version = None if current == BASE else self.registry.get(current)
            deployment = self._deployed(last.backend, version, self._resolve(last.base), self.settings())
        except AeonFtError as error:
            self.events.publish(happened.SwapFailed(version=current, reason=str(error)))
            what = f"{current}: {error.what}"
            self.events.publish(happened.AttentionNeeded(trouble=error.trouble, what=what, todo=error.todo))
            return
        self._table.keep(deployment, DeploymentState.SERVING)
        self.routes.flip(deployment.route)
        self.serving = deployment

    # -- notes ---------------------------------------------------------------------------------

    def _note(self, plan: SwapPlan, step: SwapStep, reason: str = "", deployed: dict[str, Any] | None = None) -> None:
        self.journal.write(plan.record(step, reason, deployed))

    def _note_if_possible(self, plan: SwapPlan, step: SwapStep, reason: str) -> None:
        """On the way back a full disk must not keep the old model from coming back."""
        try:
            self._note(plan, step, reason)
        except AeonFtError as error:
            log.warning("the journal of swaps cannot be written: %s", error)

    def _resolve_in_cache(self, spec: str) -> BaseModel:
        from aeon_plugin_ft.base.resolve import resolve_base

        return resolve_base(spec, self.data.cache / "base")

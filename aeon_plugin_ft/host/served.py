"""The model that answers: it follows what the store says, and makes room for a training.

Whatever orders a swap (voice, command line, gate, watch) only writes it into the store; the follower's thread calls
`follow`, so that every swap takes the same way.
"""

from __future__ import annotations

import logging
import threading

from aeon_plugin_ft.causes import Place, PromotionCause
from aeon_plugin_ft.errors import OvertakenError, ServingError
from aeon_plugin_ft.events import SwapFailed
from aeon_plugin_ft.host.standing import Standings
from aeon_plugin_ft.registry import BASE, VersionState
from aeon_plugin_ft.registry.canaries import Canary, CanaryEnd, canary_under_way, end_canary
from aeon_plugin_ft.serving.canary import CanaryServer
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.wiring import Parts
from hooks import Host

log = logging.getLogger("aeon_ft.host")


class ServedModel:
    """`look_now` is set to have the follower look at once. learning.TrainingHost, for the training."""

    def __init__(self, host: Host, parts: Parts, look_now: threading.Event) -> None:
        self._host, self._parts, self._look_now = host, parts, look_now
        self.routes = RouteTable()
        self.standings = Standings(parts.registry)
        self.swapper = Swapper(
            parts.data,
            parts.store,
            parts.events,
            self.routes,
            parts.backends,
            lambda: parts.settings.serve,
            resolve=parts.pipeline.base,
            place=self._place,
        )
        self.canary = CanaryServer(
            self.routes, parts.backends, lambda: parts.settings.serve, DeploymentTable(parts.store)
        )
        self._resting = False
        """Whether the served model was taken out of memory for a training."""
        self._not_served: str | None = None
        """The version that could not be served when that was last tried."""

    @property
    def answering(self) -> str | None:
        """The version that the brain's next call goes to; None while nothing of ours is served."""
        route = self.routes.current
        return route.version if route is not None else None

    def answers_with(self, name: str) -> bool:
        """Whether the next call goes to this version; for the base, also when the host chooses by itself."""
        return self.answering == name or (name == BASE and self.answering is None)

    @property
    def coming(self) -> str | None:
        """The version that is chosen and will answer as soon as it is loaded; None once it does, and where it makes
        room for a training or could not be served. Looks at the store, and for a new name at its manifest."""
        if self.answering is not None or self._resting or not self._parts.settings.plugin.enabled:
            return None
        current = self._parts.registry.current()
        if current == self._not_served or (current == BASE and not self._host.needs_model):
            return None
        # The follower may not have come to it yet.
        self.standings.look(current)
        return current

    # -- the store's wish ----------------------------------------------------------------------

    def follow(self) -> None:
        """Make the brain answer with the version that the store says, and its candidate beside it.

        Raises AeonFtError when it cannot be served: what answered before goes on.
        """
        # Before anything is served: the first call that could go to a version must find what is known of it.
        self.standings.look(*self._named())
        self._serve_current()
        self._serve_candidate()

    def wanted(self) -> object:
        """What `follow` is to bring about, to compare with what it could not."""
        settings, store = self._parts.settings, self._parts.store
        return self._parts.registry.last_promotion(), canary_under_way(store), settings.serve, settings.plugin.enabled

    def follow_now(self) -> None:
        """Have the follower look at once instead of within a second."""
        self._look_now.set()

    def _named(self) -> set[str]:
        """The versions that a call may go to now, or after this look."""
        routes = [route for route in (self.routes.current, self.routes.canary and self.routes.canary.route) if route]
        served = {each.version for route in routes for each in (route, *route.fallback)}
        canary = canary_under_way(self._parts.store)
        return served | {self._parts.registry.current()} | ({canary.version} if canary else set())

    def _serve_current(self) -> None:
        settings = self._parts.settings
        current = self._parts.registry.current()
        if self.swapper.serves(current) or self._resting or not settings.plugin.enabled:
            return
        last = self._parts.registry.last_promotion()
        cause, reason = (PromotionCause.OWNER, "") if last is None else (last.cause, last.reason)
        if current == BASE and not self._host.needs_model:
            if self.answering is not None:
                # The host has a model of its own, and is asked instead of a base that we would have to load.
                self.swapper.release(cause, reason, chosen=current)
            return
        try:
            self._swap_to(current, cause, reason)
        except OvertakenError:
            raise
        except Exception:
            self._not_served = current
            raise
        self._not_served = None

    def _swap_to(self, current: str, cause: PromotionCause, reason: str) -> None:
        version = None if current == BASE else self._parts.registry.get(current)
        self.swapper.swap(
            version,
            self._parts.pipeline.base(None if version is None else version.base),
            cause,
            reason,
            # The owner knows what they ordered; what the watch did must be told.
            rolled_back=cause.by_watch,
            chosen=current,
        )

    def leave_rejected(self) -> None:
        """A rejected model still answers because the one before it cannot be served: the host's own choice is
        better than either, where there is one."""
        answering, registry = self.answering, self._parts.registry
        # Where the host has no model, a rejected one of ours is still better than silence.
        if answering in {None, BASE} or answering == registry.current() or self._host.needs_model:
            return
        if registry.get(str(answering)).state is VersionState.REJECTED:
            registry.promote(BASE, PromotionCause.UNSERVED, "what was in use before could not be served")
            self.follow_now()

    def _serve_candidate(self) -> None:
        """Deploy the canary under way, or take it away when there is none."""
        settings, store = self._parts.settings, self._parts.store
        allowed = settings.plugin.enabled and not self._resting
        canary = canary_under_way(store) if allowed else None
        if canary is not None and self._put_into_use(canary):
            canary = None
        if canary is None:
            self.canary.stop()
            return
        try:
            candidate = self._parts.registry.get(canary.version)
            self.canary.serve(candidate, self._parts.pipeline.base(candidate.base), canary.share)
        except ServingError as error:
            log.warning("the candidate %s cannot be served: %s", canary.version, error)
            end_canary(store, canary, CanaryEnd.FAILED, str(error))
            self._parts.events.publish(SwapFailed(version=canary.version, reason=str(error)))

    def _put_into_use(self, canary: Canary) -> bool:
        """Where a candidate would answer no session before the host's own model, there is nothing to try: it takes the
        place that it would take after its trial, and the memory of two is not spent. Whether that was so."""
        registry, store = self._parts.registry, self._parts.store
        # One that may not be used any more is the watch's to end.
        if self._place(canary.version) is Place.FIRST or not registry.usable(canary.version):
            return False
        with store.transaction():  # a canary that ended well without its model in use would be lost
            if end_canary(store, canary, CanaryEnd.PROMOTED, "it would answer no session before the host's own model"):
                registry.promote(canary.version, PromotionCause.BETTER)
        self.follow_now()
        return True

    def _place(self, version: str) -> Place:
        prefer = self._parts.settings.serve.prefer
        return self.standings.place(version, prefer, needs_model=self._host.needs_model)

    # -- what a training asks for --------------------------------------------------------------

    def is_busy(self) -> bool:
        """Whether the host is in the middle of a turn."""
        return self._host.is_busy()

    def make_room(self) -> bool:
        """Take the served model out of memory for a training, where the host can answer meanwhile; whether it did."""
        if self._host.needs_model:
            return False
        # before the model leaves: the follower must not bring it back in between
        self._resting = True
        rested = self.swapper.rest()
        # Nothing was served, so there is nothing to bring back.
        self._resting = rested is not None
        if rested is not None:
            log.info("%s left the memory to a training; the host answers meanwhile", rested.version)
        return self._resting

    def give_back(self) -> None:
        """After the training: the model that made room answers again, without a word."""
        if self._resting:
            self.swapper.wake()
            self._resting = False

    def stop(self) -> None:
        """End every child that serves."""
        # First: its replies end while the rest still answers.
        self.canary.stop()
        self._parts.backends.close()

"""The plugin manager, and calls in which one failing listener cannot hurt the others.

pluggy ends a plain call at the first exception, so a broken plugin would silence every plugin after it.
`HookCaller` makes of one call a call for each listener, all through pluggy's own machinery, and keeps what
pluggy promises: the order (tryfirst, trylast, last registered first), wrappers of both styles, and what
`add_hookcall_monitoring` and `enable_tracing` see.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from hooks.specs import PROJECT, HostHooks, TrainerHooks

log = logging.getLogger("aeon.hooks")

Failure = Exception | SystemExit
"""What a plugin may raise without hurting anybody. A KeyboardInterrupt is the owner's and goes on upwards."""


def build_manager(*plugins: object, entry_points: bool = True) -> pluggy.PluginManager:
    """A manager that knows every hook, with `plugins` registered and, unless told otherwise, those
    that are installed under the entry-point group "aeon". An installed plugin that cannot be imported
    is logged and left out: the host starts without it.

    Raises pluggy.PluginValidationError when an implementation does not fit its specification.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HostHooks)
    manager.add_hookspecs(TrainerHooks)
    for plugin in plugins:
        manager.register(plugin)
    if entry_points:
        _load_installed(manager)
    # An implementation of a hook that does not exist is a misspelt name, and would never be called.
    manager.check_pending()
    return manager


def _load_installed(manager: pluggy.PluginManager) -> None:
    from importlib.metadata import entry_points  # 40 ms

    for entry in entry_points(group=PROJECT):
        if manager.has_plugin(entry.name) or manager.is_blocked(entry.name):
            continue
        try:
            manager.register(entry.load(), name=entry.name)
        except Exception as error:  # a plugin's import may raise anything
            # It was registered before it turned out that it does not fit: half a plugin is worse than none.
            if manager.has_plugin(entry.name):
                manager.unregister(name=entry.name)
            log.warning("plugin %s (%s) cannot be loaded: %s", entry.name, entry.value, error, exc_info=error)


class HookCaller:
    """Calls hooks so that an exception in one plugin reaches neither the host nor its neighbours.

    One call is two layers. The outer one is one pluggy call of the hook, in which the listeners' places are taken by
    stand-ins (`call_extra`); each stand-in makes the inner call, which is the hook with that plugin alone
    (`subset_hook_caller`), and logs what the plugin raises, once for each plugin and hook.

    So a wrapper, of the new style (`wrapper=True`) or the old (`hookwrapper=True`), wraps the whole: it runs once a
    call, sees the one answer of a firstresult hook or the list of all answers, and may change it. It never sees a
    listener's exception: by then that is an answer that is missing (for `veto`, a refusal). A wrapper that fails, or
    that forgets to return the list, is logged likewise, and the call ends with what the listeners said; none of them
    is called twice. Where one plugin has a wrapper and a listener of the same hook (`specname`), its wrapper wraps
    its own listener only.

    Monitors see the outer call with its wrappers, and then each plugin's own.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self.manager = manager
        self._reported: set[tuple[str, str]] = set()

    def all(self, hook: str, **arguments: Any) -> list[Any]:
        """Every listener's answer that is not None, in pluggy's order. For hooks that are not firstresult."""
        answers: list[Any] = _Call(self, hook, arguments, firstresult=False).answers()
        return answers

    def first(self, hook: str, **arguments: Any) -> Any | None:
        """The first answer that is not None; later listeners are not called. For firstresult hooks."""
        return _Call(self, hook, arguments, firstresult=True).answers()

    def veto(self, hook: str, **arguments: Any) -> str | None:
        """The first refusal, or None. A plugin that raises refuses: a safeguard must fail closed."""
        refusals = _Call(self, hook, arguments, firstresult=False, failure_answers=True).answers()
        return str(refusals[0]) if refusals else None

    def historic(self, hook: str, **arguments: Any) -> None:
        """Call a historic hook, and remember it for plugins that are registered later.

        pluggy takes no wrapper of a historic hook, and each `call_historic` is remembered: made once for each
        listener, it would come to a later plugin as often. So pluggy is asked once, for nobody, and the listeners
        of today are called beside it; a monitor sees that one call.
        """
        nobody = self.manager.subset_hook_caller(hook, self.manager.get_plugins())
        nobody.call_historic(kwargs=arguments)
        for listener in reversed(_caller(self.manager, hook).get_hookimpls()):
            try:
                listener.function(*[arguments[name] for name in listener.argnames])
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
                self.report(hook, listener.plugin_name, error)

    def report(self, hook: str, plugin: str, error: BaseException) -> str:
        """Log a failure, the first time that this plugin fails in this hook; the sentence about it."""
        if (hook, plugin) not in self._reported:
            self._reported.add((hook, plugin))
            log.warning("plugin %s failed in %s and was skipped: %s", plugin, hook, error, exc_info=error)
        return f"{plugin} failed in {hook}: {error}"


class _Call:
    """One call of one hook. `failure_answers`: a plugin that fails has answered with the sentence about it."""

    def __init__(
        self,
        owner: HookCaller,
        hook: str,
        arguments: dict[str, Any],
        *,
        firstresult: bool,
        failure_answers: bool = False,
    ) -> None:
        self.owner, self.hook, self.arguments = owner, hook, arguments
        self.firstresult, self.failure_answers = firstresult, failure_answers
        caller = _caller(owner.manager, hook)
        spec = caller.spec
        if spec is None or bool(spec.opts.get("firstresult")) is not firstresult:
            raise TypeError(f"{hook} is not called like this: `first` is for firstresult hooks, `all` for the others")
        implementations = caller.get_hookimpls()
        self.listeners = [one for one in implementations if not _is_wrapper(one)]
        self.wrappers = [one for one in implementations if _is_wrapper(one)]
        self._of_plugin: dict[int, list[Any]] = {}
        """By the plugin's id: its answers that no stand-in has given yet."""
        self._given: dict[int, Any] = {}
        """By the stand-in's place: what it gave."""

    def answers(self) -> Any:
        """One answer or None for a firstresult hook, else the list of the answers that are not None."""
        outer = self.owner.manager.subset_hook_caller(self.hook, {one.plugin for one in self.listeners})
        places = range(len(self.listeners))
        try:
            # pluggy calls the last one first, stand-ins like listeners, so the order stays theirs
            answer = outer.call_extra([self._stand_in(place) for place in places], self.arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - only a wrapper can raise here, and anything
            return self._without_wrappers(error)
        if not self.firstresult and not isinstance(answer, list):
            return self._without_wrappers(TypeError(f"a wrapper must return the list of answers, not {answer!r}"))
        return answer

    def _stand_in(self, place: int) -> Callable[[], Any]:
        def stand_in() -> Any:
            return self._answer(place)

        return stand_in

    def _answer(self, place: int) -> Any | None:
        """What the listener at this place says; it is asked once, however often this is called."""
        if place not in self._given:
            self._given[place] = self._ask(self.listeners[place])
        return self._given[place]

    def _ask(self, listener: pluggy.HookImpl) -> Any | None:
        """The next answer of the listener's plugin: it may have several implementations of one hook (`specname`),
        which pluggy cannot call apart."""
        key = id(listener.plugin)
        if key not in self._of_plugin:
            self._of_plugin[key] = self._ask_plugin(listener)
        return self._of_plugin[key].pop(0) if self._of_plugin[key] else None

    def _ask_plugin(self, listener: pluggy.HookImpl) -> list[Any]:
        others = {one.plugin for one in (*self.listeners, *self.wrappers)} - {listener.plugin}
        alone = self.owner.manager.subset_hook_caller(self.hook, others)
        try:
            answer = alone(**self.arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            sentence = self.owner.report(self.hook, listener.plugin_name, error)
            return [sentence] if self.failure_answers else []
        if isinstance(answer, list) and not self.firstresult:
            return list(answer)
        return [] if answer is None else [answer]

    def _without_wrappers(self, error: Failure) -> Any:
        """What the listeners say; those that were not reached before a wrapper failed are asked now."""
        sentence = self.owner.report(self.hook, _culprit(error, self.wrappers), error)
        answers = [sentence] if self.failure_answers else []
        for place in reversed(range(len(self.listeners))):
            answer = self._answer(place)
            if answer is not None:
                answers.append(answer)
                if self.firstresult:
                    break
        if self.firstresult:
            return answers[0] if answers else None
        return answers


def _caller(manager: pluggy.PluginManager, hook: str) -> pluggy.HookCaller:
    caller: pluggy.HookCaller = getattr(manager.hook, hook)
    return caller


def _is_wrapper(implementation: pluggy.HookImpl) -> bool:
    return implementation.wrapper or implementation.hookwrapper


def _culprit(error: BaseException, wrappers: Sequence[pluggy.HookImpl]) -> str:
    """The plugin whose wrapper raised: the innermost one in the traceback, else all that could have."""
    codes = {getattr(one.function, "__code__", None): one.plugin_name for one in wrappers}
    frames = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    named = [codes[code] for code in frames if code in codes]
    return named[-1] if named else " or ".join(one.plugin_name for one in wrappers)

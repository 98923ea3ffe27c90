"""The plugin manager, and calls in which one failing listener cannot hurt the others.

pluggy ends a plain call at the first exception, so a broken plugin would silence every plugin after
it. `HookCaller` calls the listeners one by one instead, logs the one that failed (once per plugin and
hook) and goes on.
"""

from __future__ import annotations

import logging
from typing import Any

import pluggy

from hooks.specs import PROJECT, HostHooks, TrainerHooks

log = logging.getLogger("aeon.hooks")


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
            if manager.has_plugin(entry.name):
                manager.unregister(name=entry.name)
            log.warning("plugin %s (%s) cannot be loaded: %s", entry.name, entry.value, error, exc_info=error)


class HookCaller:
    """Calls hooks so that an exception in one listener reaches neither the host nor its neighbours."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self.manager = manager
        self._reported: set[tuple[str, str]] = set()

    def all(self, hook: str, **arguments: Any) -> list[Any]:
        """Every listener's answer that is not None, last registered first."""
        return [answer for answer, failed in self._answers(hook, arguments) if not failed and answer is not None]

    def first(self, hook: str, **arguments: Any) -> Any | None:
        """The first answer that is not None; later listeners are not called."""
        for answer, failed in self._answers(hook, arguments):
            if not failed and answer is not None:
                return answer
        return None

    def veto(self, hook: str, **arguments: Any) -> str | None:
        """The first refusal, or None. A listener that raises refuses: a safeguard must fail closed."""
        for answer, failed in self._answers(hook, arguments):
            if failed or answer is not None:
                return str(answer)
        return None

    def historic(self, hook: str, **arguments: Any) -> list[Any]:
        """`all` for a historic hook: also remembered for plugins that are registered later."""
        nobody = self.manager.subset_hook_caller(hook, self.manager.get_plugins())
        nobody.call_historic(kwargs=arguments)
        return self.all(hook, **arguments)

    def _answers(self, hook: str, arguments: dict[str, Any]) -> Any:
        caller = getattr(self.manager.hook, hook)
        for impl in reversed(caller.get_hookimpls()):
            try:
                chosen = [arguments[name] for name in impl.argnames]
                yield impl.function(*chosen), False
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
                self._report(hook, impl.plugin_name, error)
                yield f"{impl.plugin_name} failed in {hook}: {error}", True

    def _report(self, hook: str, plugin: str, error: BaseException) -> None:
        if (hook, plugin) in self._reported:
            return
        self._reported.add((hook, plugin))
        log.warning("plugin %s failed in %s and was skipped: %s", plugin, hook, error, exc_info=error)

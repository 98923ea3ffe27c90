"""What other plugins add and hear: importers, filters, backends, and each event of the loop.

A registering hook is called once, when the first import, dataset or deployment needs it. What does not look like
what it should be is refused inside the hook's own call, so that the log names the plugin and the others are heard.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.filters import FilterRegistry
    from aeon_plugin_ft.dataset.importers.importing import ImporterRegistry
    from aeon_plugin_ft.events import Event
    from aeon_plugin_ft.serving.backends import Backends
    from aeon_plugin_ft.store import DataFolder
    from hooks import HookCaller, Turn


class Extensions:
    """The readers and filters of one process: the built-in ones, then those of the plugins that `hooks` knows."""

    def __init__(self, hooks: HookCaller) -> None:
        self._hooks = hooks

    @classmethod
    def built_in(cls) -> Extensions:
        """Those of a process without other plugins."""
        from hooks import HookCaller, build_manager

        return cls(HookCaller(build_manager(entry_points=False)))

    @cached_property
    def importers(self) -> ImporterRegistry:
        """The readers of chat formats; plugins are asked when it is first needed."""
        from aeon_plugin_ft.dataset.importers.importing import ImporterRegistry

        registry = ImporterRegistry()

        def register(importer: Any) -> None:
            _require(importer, "an importer", texts=("name", "title"), calls=("sniff", "read"))
            registry.register(importer)

        self._ask("ft_register_importers", register)
        return registry

    @cached_property
    def filters(self) -> FilterRegistry:
        """The reasons to leave a turn out; plugins are asked when it is first needed."""
        from aeon_plugin_ft.dataset.filters import FilterRegistry

        registry = FilterRegistry()

        def register(filter: Any) -> None:
            _require(filter, "a filter", texts=("name", "reason"), calls=("check",))
            registry.register(filter)

        self._ask("ft_register_filters", register)
        return registry

    def add_backends(self, backends: Backends, data: DataFolder) -> Backends:
        """The backends with those of other plugins among them, as "plugin.NAME"."""
        from aeon_plugin_ft.serving.model import lacks

        def register(name: Any, factory: Any) -> None:
            if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_-]+", name) or not callable(factory):
                raise TypeError(f"{name!r}, {factory!r} is no backend: a name in lower case and a factory are needed")
            # Made at once, though it may never serve: a mistake is told with the plugin's name, and not in the middle
            # of a swap.
            deployer = factory(data, backends.settings())
            if missing := lacks(deployer):
                raise TypeError(f"the backend {name} is no Deployer: it has no {', '.join(missing)}")
            backends.add(f"plugin.{name}", lambda: deployer)

        self._ask("ft_register_deployers", register)
        return backends

    def tell(self, event: Event) -> None:
        """Let every plugin hear an event of the loop."""
        self._hooks.all("ft_event", event=event)

    def refusal(self, turn: Turn) -> str | None:
        """Why another plugin keeps this turn out of the log, None to take it."""
        return self._hooks.veto("ft_refuse_turn", turn=turn)

    def _ask(self, hook: str, register: Any) -> None:
        self._hooks.all(hook, register=register)


def _require(given: Any, what: str, *, texts: tuple[str, ...], calls: tuple[str, ...]) -> None:
    missing = [name for name in texts if not isinstance(getattr(given, name, None), str)]
    missing += [name for name in calls if not callable(getattr(given, name, None))]
    if missing:
        raise TypeError(f"{given!r} is not {what}: it has no {', '.join(missing)}")

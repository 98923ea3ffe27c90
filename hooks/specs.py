"""Every hook: when it is called and from which thread, with what, what None means, and what a failure costs.

`aeon_*` hooks are called by the host (Aeon, or our console). `ft_*` hooks are called by the fine-tuning plugin, so
that other plugins can extend it; they are declared here because the plugins of an Aeon share one manager.
docs/hooks.md is rendered from these docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from hooks.contract import Host, ModelRequest, Route, Serving, Turn

PROJECT = "aeon"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HostHooks:
    """Called by the host."""

    @hookspec(historic=True)
    def aeon_started(self, host: Host) -> None:
        """Called once, when the host can answer its owner.

        This hook is historic: a plugin that is registered later is called at that moment, with the same host. It
        cannot be wrapped.

        The thread is the one that starts the host, and the owner waits for it: open what a turn needs, and begin
        everything slow in a thread of your own. Keep `host` for as long as the plugin lives; its `say` and `is_*`
        may be called from any thread, its `hooks` reaches the other plugins.

        What is returned is ignored. A plugin that raises is logged, and gets the later calls all the same.
        """

    @hookspec(firstresult=True)
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        """Called before a call to a model, for each question of the owner's and for each prompt that one of the host's
        modules writes (`request.caller` says which): where should this one go?

        Return a `Route`, or None to leave the call to the next plugin. When all of them return None, the host
        makes its own choice, `request.host_route`. Stops at the first answer that is not None; what is no `Route`
        is logged and counts as None.

        The thread is that of the call, of which there may be several at once, and the owner waits for it: decide from
        memory, never from a disk or a network. Each call ends in `aeon_turn_finished` with `turn.id` equal to
        `request.call_id`, also when it failed.

        The route is tried first, then its `fallback`, then the host's own choice; where `route.last_resort` is true,
        the host's own choice is tried first, and the route and its `fallback` when that gave no reply. A plugin that
        raises is logged and skipped.
        """

    @hookspec(firstresult=True)
    def aeon_remember(self, request: ModelRequest) -> Sequence[str] | None:
        """Called before a model of the host's own choice is asked, once for each that it tries: what should this one be
        told about the owner? `request.host_route` is the model that is about to be asked.

        Return sentences, which stand in the system prompt where the host keeps its memories, or None for the next
        plugin to say. Stops at the first answer that is not None; what is no sequence of strings is logged and counts
        as None. What is told is no part of `turn.messages`. A route that a plugin chose carries its own
        (`Route.memories`), and is not asked about here.

        The prompt leaves this machine with every word in it where the model does: look at `request.host_route`
        (`hooks.providers.is_here`) before telling what must not.

        The thread is that of the call, and the owner waits for it: answer from memory, within a millisecond. A plugin
        that raises is logged and skipped.
        """

    @hookspec(firstresult=True)
    def aeon_serving(self, session: str) -> Serving | None:
        """Called by a host that shows its owner who answers, before each sentence, and a few times a second while it
        waits for a model that is being loaded: which model of this plugin's would answer the next sentence?

        Return it where it comes before the host's own choice, loaded or not (`Serving.ready`); None where the host's
        own choice answers, also because a model could not be loaded. Stops at the first answer that is not None; what
        is no `Serving` is logged and counts as None. `session` is that of the calls to come (`ModelRequest.session`).

        The thread is the host's, and the owner may wait for it: answer within a few milliseconds. A plugin that raises
        is logged and skipped.
        """

    @hookspec
    def aeon_turn_finished(self, turn: Turn) -> None:
        """Called when the reply of a turn is known, and before the owner gets it.

        It is called for every call to a model, not only for conversations: see `turn.caller`. A call that nobody could
        answer has `turn.reply` and `turn.served_by` None. When `turn.private` is true the owner wants no trace of it:
        keep nothing, count nothing. A spoken command makes no turn.

        The thread is that of the call; it must return within a millisecond. What is returned is ignored. A plugin
        that raises is logged, the others are called, and the owner gets the reply.
        """

    @hookspec(firstresult=True)
    def aeon_heard(self, text: str) -> str | None:
        """Called with what the owner said or typed, before it is routed to a module or a model.

        Return the reply to a spoken command, which is then all that happens; or None: not a command of this plugin.
        An empty string is an answer, with nothing to show. Stops at the first answer that is not None.

        The host may ask again for the same sentence further down its way, so deciding must have no side effect:
        only a command that is answered may act. The thread is that of the sentence, and the owner waits for it, for
        every sentence: decide in a few milliseconds. What takes longer is answered with "I began" and ends in
        `host.say`.

        A plugin that raises is logged and skipped: the sentence goes on as if it had returned None.

        ```python
        class Coffee:
            @hookimpl
            def aeon_heard(self, text: str) -> str | None:
                return "Já vou passar um café." if text == "quero café" else None
        ```
        """

    @hookspec
    def aeon_answered_elsewhere(self, text: str) -> None:
        """Called after the host has answered what the owner said without a turn of its own: one of its modules replied,
        or said nothing, or failed. `text` is the sentence.

        What was asked of a model meanwhile, by that module, has ended in `aeon_turn_finished` before, in the same
        thread. A plugin that speaks of "the last reply" learns here that it is none of its own. A sentence that a
        plugin has answered (`aeon_heard`) is not told.

        The thread is that of the sentence, and the owner waits for it: return within a millisecond.

        What is returned is ignored. A plugin that raises is logged, and the others are called.
        """

    @hookspec
    def aeon_stopping(self) -> None:
        """Called once, when the host is about to end; threads and children must be gone when it returns.

        The thread is the one that ends the host. It may be called without `aeon_started` before, where the start
        failed. A host that is killed calls nothing, so what must not be lost is on the disk before that, and
        children end by themselves when their parent is gone.

        What is returned is ignored. A plugin that raises is logged, and the others are called.
        """


class TrainerHooks:
    """Called by the fine-tuning plugin."""

    @hookspec
    def ft_register_importers(self, register: Callable[[Any], None]) -> None:
        """Called once in a process, when a file is first imported: add readers of other chat formats.

        `register(importer)` takes an object with what `aeon_plugin_ft.dataset.importers.importing.Importer` has:
        `name`, `title`, `sniff(sample)` and `read(source, reading)`. It takes the place of one of the same name, a
        built-in one too. What lacks one of these is refused with a TypeError, inside the call that registers it.

        The thread is that of the import: the command line's, or the demo's. What is returned is ignored. A plugin that
        raises is logged; what it had registered until then stays.
        """

    @hookspec
    def ft_register_filters(self, register: Callable[[Any], None]) -> None:
        """Called once in a process, when a dataset is first made: add reasons to leave a turn out of it.

        `register(filter)` takes an object with what `aeon_plugin_ft.dataset.filters.Filter` has: `name`, `reason` (for
        people: what it leaves out) and `check(turn, example, limits)`, which returns why this turn is left out, or
        None to keep it. `check` is called for each turn of the log, in a thread in the background or in the command
        line, and sees what is logged: personal data is replaced already. [dataset] disabled_filters switches it off by
        its name.

        What is returned is ignored. What is no filter is refused with a TypeError inside the call that registers it; a
        plugin that raises is logged; what it had registered until then stays.

        ```python
        from aeon_plugin_ft.dataset.filters import Filter


        class NoCats:
            @hookimpl
            def ft_register_filters(self, register):
                register(Filter("no_cats", "Speaks of cats.", self.check))

            def check(self, turn, example, limits):
                return "a cat" if "gato" in turn.user else None
        ```
        """

    @hookspec
    def ft_register_deployers(self, register: Callable[[str, Callable[[Any, Any], Any]], None]) -> None:
        """Called once in a process, when its backends are put together: add backends that can serve a version.

        `register(name, factory)` takes a name in lower case and a callable. `factory(data, settings)` is called at
        once with the data folder and [serve] as it stands; it must not connect anywhere yet. It returns an
        `aeon_plugin_ft.serving.model.Deployer`: best a class that inherits from it, whose defaults then fill what
        a backend does not need. [serve] backend = "plugin.NAME" chooses it, and each of its calls gets [serve] as it
        stands then.

        The thread is the one that starts the host, or the command line's; the deployer's own methods are called
        from threads in the background. What is returned is ignored. What is no deployer is refused with a TypeError
        that names what it lacks, inside the call that registers it; a plugin that raises is logged, and what it
        had registered until then stays.
        """

    @hookspec
    def ft_refuse_turn(self, turn: Turn) -> str | None:
        """Called before a turn is logged, and for each turn of a file that is imported: must it stay out?

        Return a reason, in a few words, or None to let it in. One reason is enough; all plugins are asked. The
        owner's private mode and [privacy] mode = "drop" come first: what they keep out nobody is asked about.

        The thread is that of the turn, before the owner gets the reply: it must return within a millisecond. The text
        is as it was said, before personal data is replaced: do not keep it.

        A plugin that raises has refused, and so has a wrapper that fails: a safeguard must fail closed.
        """

    @hookspec
    def ft_event(self, event: Any) -> None:
        """Called after each event of the learning loop: a run began, a verdict was reached, the model was swapped.

        `event` is one of the frozen classes of `aeon_plugin_ft.events`; `event.name` says which ("model_swapped"),
        `event.data()` gives its fields, ready for JSON. It is in the store before any plugin hears of it. Only a
        running host tells plugins; what a command does is read from the store.

        The thread is the one in which it happened, and the loop waits for it: return soon, and never call back into
        the loop from here. What is returned is ignored. A plugin that raises is logged, and the others hear it.
        """

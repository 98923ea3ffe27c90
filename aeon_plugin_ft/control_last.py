"""What the spoken commands do with what was said last: feedback, forgetting, the private mode. A part of `control`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aeon_plugin_ft.control_facts import FactControl
from aeon_plugin_ft.dataset.feedback.opinions import note_feedback
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.dataset.sought import pattern_of
from aeon_plugin_ft.host.exchanges import Exchange, Said
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from aeon_plugin_ft.voice.control import CommandResult, Forgotten, Reason, Talk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aeon_plugin_ft.forget import Forgetter
    from aeon_plugin_ft.runtime import Runtime

Opinion = Literal["praise", "complaint", "correction"]

UNLOGGED = {
    Said.PRIVATE: Reason.LAST_WAS_PRIVATE,
    Said.UNKEPT: Reason.LAST_WAS_UNKEPT,
    Said.MODULE: Reason.LAST_WAS_MODULE,
    Said.COMMAND: Reason.LAST_WAS_COMMAND,
}
"""Why what was said last cannot be judged or forgotten: it is not in the log."""
RECENT = 20
"""The newest turn of the owner's is looked for among so many turns."""


class LastControl(FactControl):
    """The part of voice.control.Control that is about what was just said."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float]) -> None:
        super().__init__(runtime)
        self.clock = clock

    # -- feedback ------------------------------------------------------------------------------

    def learn_last(self) -> CommandResult:
        """Note praise of the last reply."""
        return self._judge_last("praise")

    def mark_last_wrong(self) -> CommandResult:
        """Note a complaint about the last reply."""
        return self._judge_last("complaint")

    def correct_last(self, text: str) -> CommandResult:
        """Note what the last reply should have been, personal data replaced."""
        return self._judge_last("correction", text)

    def _judge_last(self, kind: Opinion, correction: str | None = None) -> CommandResult:
        # "Private" means that nothing of what is said now is kept, not even what is asked to be.
        if self.runtime.owner.may_be_private():
            return CommandResult(Reason.IN_PRIVATE)
        last = self.runtime.exchanges.last()
        reason = None if last is None else UNLOGGED.get(last.said)
        if reason is not None:
            return CommandResult(reason)
        turn = self._logged(last)
        if turn is None:
            return CommandResult(Reason.NOTHING_TO_LEARN)
        if turn.kind is not TurnKind.CHAT or not turn.reply:
            return CommandResult(Reason.LAST_WAS_NO_REPLY)
        right = None if correction is None else self.runtime.redact(correction)
        note_feedback(self.runtime.store, [Feedback(turn.id, kind, right)], source="command")
        self._catch_up()  # of a reply that was wrong nothing is believed, and the right answer counts at once
        # Nothing was said since the start, so that the owner may mean what came later and was never logged.
        return CommandResult(talk=None if last is not None else Talk(turn.user, turn.at))

    def _logged(self, last: Exchange | None) -> LoggedTurn | None:
        """The turn of what was said last; before anything was said, the newest of the owner's in the log."""
        # What was said a moment ago must be found: the watcher may not have looked yet.
        self.runtime.index.ingest()
        if last is not None:
            return self.runtime.index.get(last.turns[-1]) if last.turns else None
        return next((turn for turn in self.runtime.index.latest(RECENT) if turn.caller == "chat"), None)

    # -- forgetting ----------------------------------------------------------------------------

    def forget_last(self) -> Forgotten:
        """What would go with what was said last, and with what repeats it."""
        # A command's answer is nothing that could be forgotten: what is meant was said before it.
        last = self.runtime.exchanges.last(commands=False)
        if last is not None and not last.turns:
            return Forgotten(0, reason=UNLOGGED.get(last.said, Reason.NOTHING_TO_FORGET))
        return self.plan(lambda forgetter: (forgetter.last() if last is None else last.turns, ()))

    def forget_minutes(self, minutes: int) -> Forgotten:
        """What would go with every turn of the last `minutes`. Those of this process by a clock that nobody sets."""
        recent, known = self.runtime.exchanges.within(minutes * 60)
        now = self.clock()

        def which(forgetter: Forgetter) -> tuple[Sequence[str], tuple[()]]:
            # A turn of before the start whose time is yet to come was logged before the clock was set back.
            earlier = forgetter.between(now - minutes * 60, now)
            return [*recent, *(turn for turn in earlier if turn not in known)], ()

        return self.plan(which)

    def forget_about(self, text: str) -> Forgotten:
        """What would go with every turn in which this stands, and with what repeats them."""
        return self.plan(lambda forgetter: (forgetter.about(text), forgetter.edited_about(text)), pattern_of(text))

    # -- the private mode ----------------------------------------------------------------------

    def private(self, on: bool) -> CommandResult:
        """Switch the private mode, the host's with it."""
        return self.runtime.owner.private_mode.ask(on)

    def secret(self) -> Forgotten:
        """Forget what was said last, where it was said since the start and is in the log; private mode first."""
        last = self.runtime.exchanges.last(commands=False)
        self.runtime.owner.private_mode.switch(True)
        if last is None:
            return Forgotten(0, reason=Reason.NOTHING_TO_FORGET)
        planned = self.forget_last()
        return planned if planned.nothing else self.forget(planned)

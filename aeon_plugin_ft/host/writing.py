"""A turn that has ended, into the log or not, and among what was said last: with a database and without one."""

from __future__ import annotations

from aeon_plugin_ft.extensions import Extensions
from aeon_plugin_ft.host.exchanges import Exchanges, Said
from aeon_plugin_ft.host.owner import HostOwner
from aeon_plugin_ft.host.redaction import Redaction
from aeon_plugin_ft.settings import SettingsFile
from aeon_plugin_ft.turns import TurnLog, classify
from aeon_plugin_ft.turns.kinds import CHAT_CALLER
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.voice.secrecy import is_off_the_record
from hooks import Turn


class Writing:
    """What may be kept is asked of each turn before it is written."""

    def __init__(
        self,
        settings_file: SettingsFile,
        owner: HostOwner,
        redaction: Redaction,
        extensions: Extensions,
        exchanges: Exchanges,
        log: TurnLog,
    ) -> None:
        self._settings_file, self._owner = settings_file, owner
        self._redaction, self._extensions = redaction, extensions
        self._exchanges, self._log = exchanges, log

    def write(self, turn: Turn) -> TurnKind | None:
        """Log a turn; None for one that must not be kept, of which nothing is left but that something was said."""
        spoken = turn.caller == CHAT_CALLER
        why = self._why_not(turn)
        if why is not None:
            if spoken:
                self._exchanges.note(why)
            return None
        kind = classify(turn)
        logged = self._log.append(turn, kind, cut_off=spoken and self._exchanges.cut_off)
        if spoken:
            self._exchanges.note(Said.LOGGED if logged else Said.UNKEPT, turn.id if logged else None, kind)
        elif logged:
            self._exchanges.note_asked(turn.id)
        return kind

    def _why_not(self, turn: Turn) -> Said | None:
        if turn.private or self._owner.may_be_private() or is_off_the_record(turn.prompt):
            return Said.PRIVATE
        settings = self._settings_file.current
        if not (settings.log.enabled and settings.plugin.enabled):
            return Said.UNKEPT
        # Before the log, in this order: the owner's own setting, then the other plugins' vetoes.
        dropped = self._redaction.drops(turn.prompt, turn.reply or "")
        return Said.UNKEPT if dropped or self._extensions.refusal(turn) is not None else None

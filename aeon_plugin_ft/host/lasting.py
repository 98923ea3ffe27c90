"""What a host knows of the owner for as long as it runs, also while its database is made anew: whether they are in
private, what they said last, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field

from aeon_plugin_ft.host.exchanges import Exchanges
from aeon_plugin_ft.host.private_mode import PrivateMode
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns.places import Places
from hooks import Host


@dataclass(frozen=True, slots=True)
class Lasting:
    """One a host; the log alone (`host.log_only`) and everything that comes after it (`runtime`) share it."""

    private_mode: PrivateMode
    exchanges: Exchanges = field(default_factory=Exchanges)
    places: Places = field(default_factory=Places)

    @classmethod
    def of(cls, host: Host) -> Lasting:
        """Nothing is opened or read here: the folder may not be there yet."""
        return cls(PrivateMode(host, DataFolder(host.data_folder).root))

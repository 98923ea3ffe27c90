"""The plugin's memory on disk: the data folder's layout and the SQLite database."""

from aeon_plugin_ft.store.database import Store
from aeon_plugin_ft.store.folder import DataFolder

__all__ = ["DataFolder", "Store"]

"""From conversations to examples: importers, filters, the split, frozen datasets, exports.

Loaded on first use: importing the package costs nothing, because the host process does it too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.advice import advise as advise
    from aeon_plugin_ft.dataset.build import build_draft as build_draft
    from aeon_plugin_ft.dataset.converting import convert as convert
    from aeon_plugin_ft.dataset.exporting import export as export
    from aeon_plugin_ft.dataset.feedback import recognise as recognise
    from aeon_plugin_ft.dataset.filters import Filter as Filter
    from aeon_plugin_ft.dataset.filters import FilterRegistry as FilterRegistry
    from aeon_plugin_ft.dataset.filters import all_filters as all_filters
    from aeon_plugin_ft.dataset.frozen import freeze as freeze
    from aeon_plugin_ft.dataset.frozen import load_dataset as load_dataset
    from aeon_plugin_ft.dataset.frozen import read_lineage as read_lineage
    from aeon_plugin_ft.dataset.frozen import read_messages as read_messages
    from aeon_plugin_ft.dataset.frozen import read_preferences as read_preferences
    from aeon_plugin_ft.dataset.frozen import read_ratings as read_ratings
    from aeon_plugin_ft.dataset.importing import Importer as Importer
    from aeon_plugin_ft.dataset.importing import ImporterRegistry as ImporterRegistry
    from aeon_plugin_ft.dataset.importing import import_file as import_file
    from aeon_plugin_ft.dataset.importing import open_import as open_import
    from aeon_plugin_ft.dataset.opinions import Review as Review
    from aeon_plugin_ft.dataset.opinions import load_feedback as load_feedback
    from aeon_plugin_ft.dataset.opinions import note_feedback as note_feedback
    from aeon_plugin_ft.dataset.opinions import recognise_feedback as recognise_feedback
    from aeon_plugin_ft.dataset.retrieve import SimilarTurns as SimilarTurns
    from aeon_plugin_ft.dataset.retrieve import with_similar as with_similar
    from aeon_plugin_ft.dataset.system import canonical_system as canonical_system

_HOME = {
    "Filter": "filters",
    "FilterRegistry": "filters",
    "Importer": "importing",
    "ImporterRegistry": "importing",
    "Review": "opinions",
    "SimilarTurns": "retrieve",
    "advise": "advice",
    "all_filters": "filters",
    "build_draft": "build",
    "canonical_system": "system",
    "convert": "converting",
    "export": "exporting",
    "freeze": "frozen",
    "import_file": "importing",
    "load_dataset": "frozen",
    "load_feedback": "opinions",
    "note_feedback": "opinions",
    "open_import": "importing",
    "read_lineage": "frozen",
    "read_messages": "frozen",
    "read_preferences": "frozen",
    "read_ratings": "frozen",
    "recognise": "feedback",
    "recognise_feedback": "opinions",
    "with_similar": "retrieve",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found

"""Immutable versions, their lineage, and which one is in use."""

from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.registry.promotions import Promotion, last_promotion
from aeon_plugin_ft.registry.registry import BASE, Registry, normal_name

__all__ = ["BASE", "Promotion", "Registry", "Version", "VersionState", "last_promotion", "normal_name"]

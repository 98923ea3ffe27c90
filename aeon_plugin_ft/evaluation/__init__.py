"""Measures a candidate on held-out turns and on the served artefact, and decides."""

from aeon_plugin_ft.evaluation.model import Check, HeldoutLoss, Verdict

__all__ = ["Check", "HeldoutLoss", "Verdict"]

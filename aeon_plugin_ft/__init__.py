"""Aeon learns from its owner: log, curate, train, judge and hot-swap, on one ordinary PC."""

__version__ = "0.1.0"

"""`python -m core`, in an installed plugin `python -m aeon_plugin_ft.core`: the typed console."""

from __future__ import annotations

import sys

from core.terminal import main

if __name__ == "__main__":
    sys.exit(main())

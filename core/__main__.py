"""`python -m core`: the typed console."""

from __future__ import annotations

import sys

from core.terminal import main

if __name__ == "__main__":
    sys.exit(main())

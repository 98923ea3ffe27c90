"""`python -m aeon_plugin_ft.install.typed AEON_FOLDER`: hooks/typed.py, by a name that it has wherever the plugin is.

`aeon-ft chat` starts it with the Python of an Aeon, into which the plugin may have come otherwise than into its own.
"""

from __future__ import annotations

import sys

from hooks.typed import main

if __name__ == "__main__":
    sys.exit(main())

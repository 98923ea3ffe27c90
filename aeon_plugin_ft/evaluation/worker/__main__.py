"""Held-out losses; see run.py."""

import sys

from aeon_plugin_ft.evaluation.worker.run import main

sys.exit(main(sys.argv[1:]))

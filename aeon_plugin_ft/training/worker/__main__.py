"""One attempt at a run; see run.py."""

import sys

from aeon_plugin_ft.training.worker.run import main

sys.exit(main(sys.argv[1:]))

"""`python -m aeon_plugin_ft.cli`: the same as `aeon-ft`."""

from aeon_plugin_ft.cli.main import run

run()

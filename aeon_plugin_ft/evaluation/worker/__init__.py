"""The process that measures held-out losses: `python -m aeon_plugin_ft.evaluation.worker <folder>`."""

"""The process that trains: `python -m aeon_plugin_ft.training.worker <run folder>`."""

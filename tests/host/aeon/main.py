"""Where a real Aeon starts its window; the miniature is started by tests/host/drive.py."""

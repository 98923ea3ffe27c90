"""What developers of the project use and no owner needs."""

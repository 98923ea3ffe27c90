"""This process, its children and its parent, the same on every operating system."""

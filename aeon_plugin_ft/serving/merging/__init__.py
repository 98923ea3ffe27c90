"""A version merged into its base, by a child process, and compared with what it was trained as."""

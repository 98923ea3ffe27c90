"""A verdict to read: the numbers collected, in words, and as a page."""

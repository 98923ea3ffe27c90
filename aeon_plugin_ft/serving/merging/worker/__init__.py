"""The children that merge and compare; torch is imported here and nowhere else in serving."""

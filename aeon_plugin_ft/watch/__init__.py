"""The model in use, watched turn by turn, and left by itself when it does worse with its owner."""

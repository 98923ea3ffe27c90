"""The tiny model and data of the trainer's tests."""

from tests.training.tiny import tiny_base, tiny_copy, tiny_dataset, tiny_recipe

__all__ = ["tiny_base", "tiny_copy", "tiny_dataset", "tiny_recipe"]

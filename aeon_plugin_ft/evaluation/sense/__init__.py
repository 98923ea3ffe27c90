"""Whether a reply is Portuguese that means something, or words strung together: without a model."""

from aeon_plugin_ft.evaluation.sense.reading import NONSENSE_ABOVE, TALK_ABOVE, Sense

__all__ = ["NONSENSE_ABOVE", "TALK_ABOVE", "Sense"]

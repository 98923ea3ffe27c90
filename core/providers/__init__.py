"""Who can answer: the model servers of `hooks.providers`, and Aeon's canned sentences as the last resort."""

from core.providers.canned import CannedProvider
from hooks.providers import GroqProvider, OllamaProvider, OpenAIProvider, Provider, ProviderError, ProviderPool

__all__ = [
    "CannedProvider",
    "GroqProvider",
    "OllamaProvider",
    "OpenAIProvider",
    "Provider",
    "ProviderError",
    "ProviderPool",
]

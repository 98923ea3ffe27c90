"""The model servers that can answer a call, behind one small interface.

Both brains use them: `core/` for every call, the attachment to an unmodified Aeon for the calls that
a plugin routes elsewhere. Nothing heavy is imported before the first call.
"""

from hooks.providers.address import OLLAMA_URL, ollama_url
from hooks.providers.base import OnToken, Provider, ProviderError
from hooks.providers.clients import warm_up
from hooks.providers.groq import GROQ_URL, GroqProvider
from hooks.providers.ollama import OllamaProvider
from hooks.providers.openai import OpenAIProvider
from hooks.providers.places import is_here
from hooks.providers.pool import ProviderPool

__all__ = [
    "GROQ_URL",
    "OLLAMA_URL",
    "GroqProvider",
    "OllamaProvider",
    "OnToken",
    "OpenAIProvider",
    "Provider",
    "ProviderError",
    "ProviderPool",
    "is_here",
    "ollama_url",
    "warm_up",
]

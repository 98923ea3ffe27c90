"""Versions as models of an Ollama: merged or as adapters of the base's tag."""

"""Where the brain gets its keys, addresses and models: the environment, Aeon's `.env`, Aeon's configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hooks.providers import GROQ_URL

DEFAULT_GROQ_MODEL = "openai/gpt-oss-20b"
"""Only a default: GROQ_MODEL, or "groq_model" in the configuration, names another."""
DEFAULT_OLLAMA_MODEL = "deepseek-r1:8b"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class BrainConfig:
    """All that the brain needs to know; the key never shows in a repr."""

    groq_key: str | None = field(default=None, repr=False)
    groq_url: str = GROQ_URL
    groq_model: str = DEFAULT_GROQ_MODEL
    ollama_model: str = DEFAULT_OLLAMA_MODEL
    ollama_url: str | None = None


def read_config(config: Any, env_file: Path | None = None) -> BrainConfig:
    """The configuration from what Aeon hands to its brain: a ConfigManager, a dict, or None.

    The environment wins over `.env`, and both over the configuration. Nothing is written back to the
    environment, so a key does not leak into child processes.
    """
    given = config_values(config)
    env = {**read_env(env_file or ROOT / ".env"), **os.environ}

    def value(name: str, default: str | None) -> str | None:
        return env.get(name) or given.get(name) or given.get(name.lower()) or default

    return BrainConfig(
        groq_key=value("GROQ_KEY", None),
        groq_url=value("GROQ_BASE_URL", GROQ_URL) or GROQ_URL,
        groq_model=value("GROQ_MODEL", DEFAULT_GROQ_MODEL) or DEFAULT_GROQ_MODEL,
        ollama_model=value("OLLAMA_MODEL", DEFAULT_OLLAMA_MODEL) or DEFAULT_OLLAMA_MODEL,
        ollama_url=value("OLLAMA_HOST", None),
    )


def config_values(config: Any) -> Mapping[str, Any]:
    """The plain mapping inside Aeon's ConfigManager; a mapping is taken as it is, None is empty."""
    values = getattr(config, "system_data", config)
    return values if isinstance(values, Mapping) else {}


def read_env(path: Path) -> dict[str, str]:
    """KEY=value lines of a `.env` file; {} when there is none. Quotes around a value are taken off."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    # Read by hand: python-dotenv would be one more dependency of the host, for three keys.
    pairs = (line.strip().removeprefix("export ").partition("=") for line in text.splitlines())
    return {key.strip(): value.strip().strip("\"'") for key, sign, value in pairs if sign and not key.startswith("#")}

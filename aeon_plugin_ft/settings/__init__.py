"""plugin.toml: what may be set, the file, and what is said about a mistake in it."""

from aeon_plugin_ft.settings.file import SettingsFile, parse
from aeon_plugin_ft.settings.problems import line_of, unknown_key_sentence
from aeon_plugin_ft.settings.rendering import default_text, meaning, toml_value
from aeon_plugin_ft.settings.sections import (
    BACKENDS,
    BaseSection,
    DatasetSection,
    GateSection,
    LogSection,
    MemorySection,
    PluginSection,
    PrivacySection,
    ScheduleSection,
    Section,
    ServeSection,
    Settings,
    TrainSection,
    VoiceSection,
    all_keys,
    sections,
)

__all__ = [
    "BACKENDS",
    "BaseSection",
    "DatasetSection",
    "GateSection",
    "LogSection",
    "MemorySection",
    "PluginSection",
    "PrivacySection",
    "ScheduleSection",
    "Section",
    "ServeSection",
    "Settings",
    "SettingsFile",
    "TrainSection",
    "VoiceSection",
    "all_keys",
    "default_text",
    "line_of",
    "meaning",
    "parse",
    "sections",
    "toml_value",
    "unknown_key_sentence",
]

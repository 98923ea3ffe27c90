"""Why a piece of a file is left out, as people read it.

Importers, those of other plugins too, give a reason as an English sentence. One that messages/data/skipped.toml has is
told in the language of the process; any other as it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from aeon_plugin_ft.messages import Language, entries, language

AREA = "skipped"


def in_words(reason: str) -> str:
    """The reason in the language of the process."""
    return _known(language()).get(reason, reason)


@lru_cache(maxsize=len(Language))
def _known(spoken: Language) -> Mapping[str, str]:
    return {texts[Language.EN][0]: texts[spoken][0] for texts in entries(AREA).values()}

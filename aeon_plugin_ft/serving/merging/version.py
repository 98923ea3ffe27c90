"""A version as one merged GGUF, with the proof that it says what the adapter says.

<data>/serving/merge-v0007.json   every touched tensor, and the comparison with PEFT or why there is none
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.merging.check import heldout_replies, measure_merge, why_not
from aeon_plugin_ft.serving.merging.worker.run import merge_in_child
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.files import write_whole
from aeon_plugin_ft.weights.adapter import adapter_digest
from aeon_plugin_ft.weights.merge import MergeOptions, merged_size
from aeon_plugin_ft.weights.merge_identity import require_same_model

_say = Speaker("errors/serving")


@dataclass(frozen=True, slots=True)
class Merging:
    """One version that is to become one file. `gguf` is the base's; `say` gets a sentence before each long step."""

    data: DataFolder
    version: Version
    base: BaseModel
    gguf: Path
    settings: ServeSection
    say: Callable[[str], None]

    @property
    def options(self) -> MergeOptions:
        """Trained on Hugging Face weights, the merge starts from these and not from what the GGUF made of them."""
        originals = self.base.training_copy if self.base.gguf is None else None
        keep = self.settings.merged_type == "base"
        return MergeOptions(self.base.digest, self.version.name, originals, keep)

    def size(self) -> int:
        """About how many bytes the file will have. Raises ServingError for what cannot be merged."""
        return merged_size(self.gguf, self.version.adapter, self.options)

    def write(self, out: Path) -> str:
        """Merge into `out` in a child and compare; returns the file's "sha256:<hex>". Raises ServingError."""
        if self.base.gguf is None:
            # An adapter trained on one model fits any other of the same shapes, and only makes it worse.
            require_same_model(self.gguf, self.base.training_copy)
        self.say(_say("merging.merging", version=self.version.name, base=self.base.spec))
        report = merge_in_child(self.gguf, self.version.adapter, out, self.options)
        # Which adapter the proof is about: a version's folder may be replaced under the same name.
        report["adapter"] = adapter_digest(self.version.adapter)
        report["check"] = self._compare(out)
        write_whole(report_file(self.data, self.version.name), json.dumps(report))
        return str(report["digest"])

    def _compare(self, merged: Path) -> dict[str, Any]:
        """The merged file against base + adapter in PEFT, where this machine can do that; the numbers, or why
        there are none. Raises ServingError when the file says something else than the adapter."""
        talks = heldout_replies(self.data, self.version)
        reason = why_not(self.base, merged.stat().st_size, talks)
        if reason:
            return {"skipped": reason}
        self.say(_say("merging.comparing", version=self.version.name))
        check = measure_merge(self.base, self.version.adapter, merged, talks, self.data.serving)
        if not check.passed:
            slots = {"version": self.version.name, "kl": decimal(check.kl, 3), "limit": decimal(check.limit, 2)}
            raise ServingError(*_say.error("merging.differs", **slots))
        return asdict(check)


def report_file(data: DataFolder, version: str) -> Path:
    """Where the report of a version's merge is kept."""
    return data.serving / f"merge-{version}.json"


def proof_of(data: DataFolder, version: str, adapter: str = "") -> dict[str, Any]:
    """What is kept with a version of its merge, {} where it was never merged (or, with `adapter`, where that was
    another adapter): {"tensors", "types", "lowest_share", and the comparison's "kl", "limit", ... or "skipped"}."""
    try:
        report: Mapping[str, Any] = json.loads(report_file(data, version).read_text(encoding="utf-8"))
        if adapter and report["adapter"] != adapter:
            return {}
        tensors = report["tensors"]
        return {
            "tensors": len(tensors),
            "types": dict(Counter(_type_name(tensor["after"]) for tensor in tensors)),
            "lowest_share": min((tensor["share"] for tensor in tensors), default=1.0),
            **report["check"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _type_name(kind: int) -> str:
    from gguf.constants import GGMLQuantizationType

    return str(GGMLQuantizationType(kind).name)

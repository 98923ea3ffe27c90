"""Does the merged file say what the adapter says? KL divergence between the file as llama.cpp serves it and
base + adapter in PEFT, on replies that were never trained on.

Two children do the work, one after the other so that the two models are never in memory together: the
reference (torch) leaves its log-probabilities in a file, the second (llama.cpp) compares.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.frozen import read_messages
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.processes.cores import usable_cores
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.merging.worker.run import run_job, serve_job
from aeon_plugin_ft.store import DataFolder
from hooks import Message, as_dicts

_say = Speaker("errors/serving")

POSITIONS = 32
"""Tokens of replies that are compared."""
TOP = 2048
"""Tokens compared one by one at each position; all others together count as one."""
CONVERSATIONS = 4
KL_LIMIT = 0.02
"""Nats per token, for a base that is the GGUF itself. Served by llama.cpp it differs from its own exact arithmetic by
0.005 to 0.007, with or without an adapter; a merge that lost its update is above 1."""
KL_LIMIT_ORIGINALS = 0.05
"""For a version trained on weights that the GGUF is a quantisation of: what was not touched stays in 4 bits."""
_HEADROOM = 1 << 30


@dataclass(frozen=True, slots=True)
class MergeCheck:
    """Nats per token: `kl` and `kl_max` are of the served file against PEFT, `effect` is of base + adapter against
    the base alone. `same_top` is the share of positions at which both prefer the same token. `limit` is what `kl`
    may be at most."""

    kl: float
    kl_max: float
    same_top: float
    effect: float
    positions: int
    limit: float = KL_LIMIT

    @property
    def passed(self) -> bool:
        """Whether the file says what the adapter says."""
        return self.kl <= self.limit


def measure_merge(
    base: BaseModel, adapter: Path, merged: Path, conversations: Sequence[Sequence[Message]], work: Path,
    positions: int = POSITIONS,
) -> MergeCheck:  # fmt: skip
    """Compare on the last replies of `conversations`; `work` is a folder for files in between.

    Raises ServingError when one of the two cannot be run.
    """
    kept = work / f"{merged.stem}-reference.npz"
    job: dict[str, Any] = {
        "copy": str(base.training_copy), "gguf": None if base.gguf is None else str(base.gguf),
        "adapter": str(adapter), "merged": str(merged), "reference": str(kept),
        "conversations": [as_dicts(talk) for talk in conversations], "positions": positions,
    }  # fmt: skip
    try:
        effect = run_job("aeon_plugin_ft.serving.merging.worker.reference", job, work / f"{merged.stem}-reference.json")
        served = run_job("aeon_plugin_ft.serving.merging.check", job, work / f"{merged.stem}-served.json")
    finally:
        kept.unlink(missing_ok=True)
    limit = KL_LIMIT if base.gguf is not None else KL_LIMIT_ORIGINALS
    return MergeCheck(effect=float(effect["effect"]), limit=limit, **served)


def heldout_replies(data: DataFolder, version: Version, count: int = CONVERSATIONS) -> list[list[Message]]:
    """Some conversations that the version was not trained on; [] where its dataset is gone."""
    file = data.datasets / version.dataset / "heldout.jsonl"
    if not version.dataset or not file.is_file():
        return []
    return [talk for talk in read_messages(file) if talk and talk[-1].role == "assistant"][:count]


def why_not(base: BaseModel, merged_bytes: int, conversations: Sequence[object]) -> str:
    """Why the comparison cannot be made here; "" when it can."""
    import psutil

    if not base.training_copy.is_dir():
        return _say("uncompared.no_copy")
    if not conversations:
        return _say("uncompared.no_conversations")
    # What llama.cpp reads; the reference, which runs before it, takes the base a layer at a time where it must.
    needed = merged_bytes + _HEADROOM
    room = psutil.virtual_memory().available
    if room >= needed:
        return ""
    return _say("uncompared.no_memory", needed=decimal(needed / 1e9, 1), room=decimal(room / 1e9, 1))


# -- the second child -----------------------------------------------------------------------------


def compare(job: dict[str, Any]) -> dict[str, Any]:
    """Ask the merged file at each position of the reference. The reference holds, for each position, the number
    of its conversation, its place, and the log-probabilities over the vocabulary, shape (positions, vocabulary)."""
    # npz without pickles: arrays and numbers only, and nothing that is run when it is read.
    with np.load(job["reference"]) as kept:
        talks, places, reference = kept["talks"], kept["places"], kept["logprobs"]
        tokens = [kept[f"tokens{number}"].tolist() for number in range(int(talks.max()) + 1)]
        letter = int(kept["letter"])
    server = _server(Path(job["merged"]), max(len(one) for one in tokens))
    measured = []
    for talk, place, expected in zip(talks, places, reference, strict=True):
        ids, logprobs = _next_token(server, tokens[talk][: place + 1], letter)
        measured.append((divergence(ids, logprobs, expected), bool(ids[0] == expected.argmax())))
    kls = [kl for kl, _ in measured]
    return {"kl": float(np.mean(kls)), "kl_max": float(np.max(kls)),
            "same_top": float(np.mean([same for _, same in measured])), "positions": len(measured)}  # fmt: skip


def divergence(
    ids: npt.NDArray[np.int64], logprobs: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]
) -> float:
    """KL(served || reference) in nats. `ids` and `logprobs` are the served model's most likely tokens, all others
    together are one more; `reference` is over the whole vocabulary."""
    served = np.exp(logprobs)
    rest = max(0.0, 1.0 - float(served.sum()))
    other = np.exp(reference[ids].astype(np.float64))
    # Never below zero by rounding, where nearly all of the probability is in the listed tokens.
    other_rest = max(1e-12, 1.0 - float(other.sum()))
    kl = float(np.sum(served * (logprobs - np.log(np.maximum(other, 1e-30)))))
    return kl + (rest * float(np.log(rest / other_rest)) if rest > 0 else 0.0)


def _server(gguf: Path, tokens: int) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    # Port 0 is any free one; the cache in RAM is off, since each prompt is asked once.
    params.n_ctx, params.n_parallel, params.port, params.cache_ram_mib = tokens + 64, 1, 0, 0
    params.warmup = params.ui = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = half_the_cores()
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ServingError(*_say.error("merging.not_loaded", file=gguf.name)) from error


def half_the_cores() -> int:
    """Threads that wait for one another are slowest when the owner's programs take a core away from them."""
    return max(1, usable_cores() // 2)


def _next_token(server: Any, tokens: list[int], letter: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """(ids, log-probabilities) of the most likely next tokens, before any sampling. The sampler is made to choose
    a plain letter: where it ends the text or starts half a character, llama.cpp reports nothing."""
    answer = server.handle_completions(
        {"prompt": tokens, "n_predict": 1, "n_probs": TOP, "logprobs": TOP, "temperature": 0, "cache_prompt": True,
         "logit_bias": [[letter, 1000.0]]}
    )  # fmt: skip
    try:
        listed = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    except (KeyError, IndexError, TypeError) as error:
        told = _say.error("merging.no_probabilities", answer=json.dumps(answer)[:120])
        raise ServingError(*told) from error
    return (
        np.array([one["id"] for one in listed], dtype=np.int64),
        np.array([one["logprob"] for one in listed], dtype=np.float64),
    )


if __name__ == "__main__":
    raise SystemExit(serve_job(sys.argv, compare))

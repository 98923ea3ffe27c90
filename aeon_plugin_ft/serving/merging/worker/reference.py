"""The first child of merge_check: base + adapter in PEFT, whose log-probabilities are the reference.

    python -m aeon_plugin_ft.serving.merging.worker.reference <job.json>

Only ever run as a process of its own: it imports torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.extras import pip_command
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.merging.check import half_the_cores
from aeon_plugin_ft.serving.merging.worker.run import serve_job

_say = Speaker("errors/serving")

Logits = Callable[[Sequence[int], Sequence[int]], Any]


def reference(job: dict[str, Any]) -> dict[str, Any]:
    """Write the log-probabilities at some positions of the last replies; returns the adapter's own effect,
    KL(adapter || base) in nats per token."""
    try:
        import torch
        from peft import PeftModel
        from transformers import AutoTokenizer

        from aeon_plugin_ft.training.engine.layered.choice import load_to_measure
    except ImportError as error:
        raise ServingError(_say("merging.not_installed", package=error.name), pip_command("train")) from error

    torch.set_num_threads(half_the_cores())
    copy, gguf = Path(job["copy"]), job.get("gguf")
    tokenizer = AutoTokenizer.from_pretrained(copy)
    rendered = [_tokens(tokenizer, talk) for talk in job["conversations"]]
    places = _places(rendered, int(job["positions"]))
    if not places:
        raise ServingError(*_say.error("merging.no_replies"))
    frozen, source = load_to_measure(copy, Path(gguf) if gguf else None, half_the_cores(), "cpu")
    try:
        model = PeftModel.from_pretrained(frozen, job["adapter"]).eval()
        rows, effect = _measured(model, _logits_of(model, source), [ids for ids, _ in rendered], places)
    finally:
        if source is not None:
            source.close()
    arrays: dict[str, Any] = {f"tokens{number}": np.array(ids) for number, (ids, _) in enumerate(rendered)}
    # (conversation, place) pairs as two columns.
    arrays["talks"], arrays["places"] = np.array(places).T
    arrays["logprobs"] = rows
    arrays["letter"] = np.array(tokenizer.encode("a", add_special_tokens=False)[-1])
    np.savez(job["reference"], **arrays)
    return {"effect": effect}


def _measured(
    model: Any, logits: Logits, talks: Sequence[Sequence[int]], places: Sequence[tuple[int, int]]
) -> tuple[npt.NDArray[np.float32], float]:
    """(log-probabilities at each place [n, vocabulary], the adapter's own effect)."""
    import torch

    rows, effects = [], []
    with torch.no_grad():
        for talk in sorted({talk for talk, _ in places}):
            of_talk = [place for of, place in places if of == talk]
            # In fp64: a divergence of 0.01 nats is the small difference of two sums over the whole vocabulary.
            tuned = torch.log_softmax(logits(talks[talk], of_talk).double(), -1)
            # The same weights in the same process: what differs is the adapter and nothing else.
            with model.disable_adapter():
                plain = torch.log_softmax(logits(talks[talk], of_talk).double(), -1)
            effects.append((tuned.exp() * (tuned - plain)).sum(-1))
            rows.append(tuned.float().numpy())
    return np.concatenate(rows), float(torch.cat(effects).mean())


def _logits_of(model: Any, source: Any) -> Logits:
    """Logits [n, vocabulary] behind some tokens of a sequence: of a model in memory, or read a layer at a time."""
    import torch

    if source is None:
        return lambda ids, at: model(torch.tensor([ids])).logits[0, at]
    from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix

    return LayeredPrefix(model, source).logits


def _tokens(tokenizer: Any, talk: list[dict[str, str]]) -> tuple[list[int], int]:
    """(all tokens, number of those before the last reply), in the chat format of the model."""
    before = tokenizer.apply_chat_template(talk[:-1], add_generation_prompt=True, tokenize=False)
    whole = before + talk[-1]["content"]
    encode = tokenizer.encode
    return encode(whole, add_special_tokens=False), len(encode(before, add_special_tokens=False))


def _places(rendered: list[tuple[list[int], int]], count: int) -> list[tuple[int, int]]:
    """(conversation, place) of about `count` positions, spread evenly; the token at `place` is the last one read,
    the next one is compared."""
    every = [(talk, place) for talk, (ids, start) in enumerate(rendered) for place in range(start - 1, len(ids))]
    step = max(1, len(every) // count)
    return every[::step][:count]


if __name__ == "__main__":
    raise SystemExit(serve_job(sys.argv, reference))

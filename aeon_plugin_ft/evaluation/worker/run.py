"""`python -m aeon_plugin_ft.evaluation.worker <folder>`: held-out losses of a base and its adapters.

Reads request.json, writes result.json ({"losses": {set: {name: [[nats, tokens], ...]}}, "shared": bool,
"reason": str}) or error.json. The base is loaded once; each adapter is switched in.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.worker.priority import take_priority
from aeon_plugin_ft.training.worker.stopping import StopRequested, StopWatch
from aeon_plugin_ft.weights.adapter import whole_model

log = logging.getLogger("aeon_ft.evaluation")

MICRO_TOKENS = 2048
"""Suffix tokens that go through a model in memory at once; one that is not has a limit of its own."""
SAME = 1e-3
"""Relative difference of two rows' losses between sharing and not sharing that is still rounding."""


def main(arguments: list[str]) -> int:
    """Measure; returns the exit code, with result.json or error.json written."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    folder = Path(arguments[0])
    watch = StopWatch(folder, supervised=True).start()
    # The watch was started before: its thread must get time even when this one gets none.
    take_priority(arguments)
    try:
        request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
        write_json(folder / "result.json", measure(request, watch))
    except StopRequested:
        return 75
    except Exception as error:  # noqa: BLE001 - whatever it is, the host must hear it
        log.error("%s", traceback.format_exc())
        reason = str(error) if isinstance(error, AeonFtError) else f"{type(error).__name__}: {error}"
        write_json(folder / "error.json", {"reason": reason})
        return 1
    finally:
        watch.end()
    return 0


def measure(request: dict[str, Any], watch: StopWatch) -> dict[str, Any]:
    """Losses per set, model and example; an example that does not fit counts (0 nats, 0 tokens)."""
    from aeon_plugin_ft.training.engine.encode import Encoder
    from aeon_plugin_ft.training.engine.layered.choice import load_to_measure
    from aeon_plugin_ft.training.engine.loading import pick_device, set_up_torch

    threads = int(request["threads"])
    set_up_torch(threads)
    copy, gguf = Path(request["base"]["training_copy"]), request["base"].get("gguf")
    encoder = Encoder(copy)
    losses: dict[str, Any] = {name: {} for name in request["sets"]}
    reasons: list[str] = []
    # One after the other: the memory holds one.
    for file, adapters in _by_weights(Path(gguf) if gguf else None, request["adapters"]).items():
        watch.check()
        frozen, source = load_to_measure(copy, file, threads, pick_device())
        try:
            models = _Models(frozen, source, adapters)
            for name, path in request["sets"].items():
                measured, reason = _measure_set(encoder, models, Path(path), int(request["max_length"]), watch)
                losses[name] |= measured
                reasons += [f"{name}: {reason}"] if reason else []
        finally:
            if source is not None:
                source.close()
        del frozen, models
    return {"losses": losses, "shared": not reasons, "reason": "; ".join(reasons)}


def _by_weights(base: Path | None, adapters: dict[str, str | None]) -> dict[Path | None, dict[str, str | None]]:
    """What is measured on which weights: adapters on the base's, a version that is a whole model on its own."""
    groups: dict[Path | None, dict[str, str | None]] = {}
    for name, path in adapters.items():
        whole = None if path is None else whole_model(Path(path))
        groups.setdefault(whole or base, {})[name] = path if whole is None else None
    return groups


def _measure_set(
    encoder: Any, models: _Models, path: Path, max_length: int, watch: StopWatch
) -> tuple[dict[str, list[tuple[float, int]]], str]:
    """{model: one (nats, tokens) an example}, and why the prefix could not be shared ("" when it was)."""
    from aeon_plugin_ft.dataset.frozen import read_messages

    examples = read_messages(path)
    encoded = encoder.encode(examples, max_length)
    scorer = _Scorer(models, encoded.rows, watch)
    losses = {}
    for name in models.names:
        models.switch(name)
        # Examples that do not fit keep their place, so that models are compared example by example.
        pairs = [(0.0, 0)] * len(examples)
        for index, row, nats in zip(encoded.kept, encoded.rows, scorer.losses(), strict=True):
            pairs[index] = (nats, row.supervised)
        losses[name] = pairs
    return losses, scorer.reason


class _Models:
    """One base with every adapter loaded beside it. `source` has its matrices, where they are read a layer at a
    time."""

    def __init__(self, base: Any, source: Any, adapters: dict[str, str | None]) -> None:
        from peft import PeftModel

        self.model, self.source, self._peft, self.names = base, source, None, tuple(adapters)
        for number, path in enumerate(path for path in adapters.values() if path is not None):
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(base, path, adapter_name=f"a{number}")
            else:
                self._peft.load_adapter(path, adapter_name=f"a{number}")
        names = [name for name, path in adapters.items() if path is not None]
        self._slots = {name: f"a{number}" for number, name in enumerate(names)}
        self.model = self._peft if self._peft is not None else base
        self.model.eval()

    def switch(self, name: str) -> None:
        """Make `name` the model that answers; a name without an adapter is the base."""
        if self._peft is None:
            return
        if name in self._slots:
            # Disabling for the base outlasts a change of adapter, so it is undone each time.
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(self._slots[name])
        else:
            self._peft.base_model.disable_adapter_layers()


class _Scorer:
    """Losses of the rows under the model as it is switched now."""

    def __init__(self, models: _Models, rows: Sequence[Any], watch: StopWatch) -> None:
        from aeon_plugin_ft.training.engine.layered.choice import engine_of

        self.rows = rows
        self.engine = engine_of(models.model, models.source, MICRO_TOKENS, watch.check)
        self.shared, self.reason = self._check()

    def losses(self) -> list[float]:
        return self.engine.losses(self.rows) if self.shared else self.engine.stock_losses(self.rows)

    def _check(self) -> tuple[bool, str]:
        """Compare two rows with the stock forward pass before trusting the shared one."""
        from aeon_plugin_ft.training.engine.attention import NotShareableError

        # The shortest two: the stock pass computes their whole prompt each time.
        sample = sorted(self.rows, key=lambda row: len(row.ids))[:2]
        try:
            shared = self.engine.losses(sample)
        except (NotShareableError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            return False, str(error)
        stock = self.engine.stock_losses(sample)
        same = all(abs(a - b) <= SAME * max(1.0, abs(b)) for a, b in zip(shared, stock, strict=True))
        return same, "" if same else f"sharing gives {shared}, the stock pass {stock}"

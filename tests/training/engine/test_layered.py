"""One layer at a time, out of the file: the same numbers as with the whole model in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf.constants import GGMLQuantizationType
from torch.overrides import TorchFunctionMode

from aeon_plugin_ft.training.engine import fast
from aeon_plugin_ft.training.engine.head import Head
from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.layered.skeleton import skeleton
from aeon_plugin_ft.training.engine.parity import difference
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.weights import dequantise
from aeon_plugin_ft.weights.sources import GgufSource
from tests.base.tiny import FAMILIES
from tests.training.architectures import CONFIGS, gradients, rows, tiny_model
from tests.training.engine.layered import MIXED, RARE, TYPES, adapted, engines, folder_engines, make_gguf

pytestmark = pytest.mark.slow
KINDS = ("uneven", "identical", "varying")


@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_steps_are_those_of_the_engine_in_memory(family: str, tmp_path: Path) -> None:
    """Several micro-batches, uneven lengths, prompts that differ, sliding windows (gemma3), tied heads (qwen3)."""
    shared, layered, source = engines(*make_gguf(tmp_path, family), micro_tokens=60)
    assert_same_twenty_steps(shared, layered)
    source.close()


@pytest.mark.parametrize("architecture", CONFIGS)
def test_twenty_steps_on_a_folders_weights_are_those_of_the_engine_in_memory(architecture: str, tmp_path: Path) -> None:
    """Families that come as a folder only (granite, smollm3), and windows in some layers or in all (mistral)."""
    shared, layered, source = folder_engines(tiny_model(architecture, adapted=False), tmp_path, micro_tokens=60)
    assert_same_twenty_steps(shared, layered)
    source.close()


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_weights_trains_as_its_decoded_numbers_do(kind: str, tmp_path: Path) -> None:
    shared, layered, source = engines(*make_gguf(tmp_path, "llama", kind), micro_tokens=60)
    assert_same_twenty_steps(shared, layered)
    source.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_of_all_types_at_once_trains_as_its_decoded_numbers_do(family: str, tmp_path: Path) -> None:
    """Also those that hardly anybody uses; each family has its own order of rows, and another type in each."""
    shared, layered, source = engines(*make_gguf(tmp_path, family, MIXED), micro_tokens=60)
    kinds = {tensor.type for tensor in source.file.tensors.values() if len(tensor.shape) == 2}
    assert kinds == {int(GGMLQuantizationType[name]) for name in (*TYPES, *RARE)}
    assert_same_twenty_steps(shared, layered)
    source.close()


def test_no_type_that_is_decoded_is_left_out() -> None:
    import libgguf

    decoded = {kind.name for kind in libgguf.GGML_QUANT_SIZES if kind != 0 and libgguf.row_size(kind, 256)}
    assert decoded == {*TYPES, *RARE}


def assert_same_twenty_steps(shared: SharedPrefix, layered: LayeredPrefix) -> None:
    """The loss within 1e-5, the gradient's norm within 1e-4 of itself."""
    path = list(zip(_train(shared), _train(layered), strict=True))
    assert len(path) == 20
    for (loss, norm), (layered_loss, layered_norm) in path:
        assert abs(loss - layered_loss) <= 1e-5
        assert abs(norm - layered_norm) <= 1e-4 * norm
    assert path[18][1][0] < path[0][1][0], "the same rows again: it learns"


def _train(engine: SharedPrefix, steps: int = 20) -> list[tuple[float, float]]:
    trained = [parameter for parameter in engine.causal.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3)
    path = []
    for step in range(steps):
        loss, _ = engine.step(rows(KINDS[step % 3], 5, seed=step % 6))
        norm = float(torch.nn.utils.clip_grad_norm_(trained, 1.0))
        optimizer.step()
        optimizer.zero_grad()
        path.append((loss, norm))
    return path


def test_threads_that_decode_change_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several of them at pieces of each matrix, of every type: whoever is first, the numbers are there."""
    monkeypatch.setattr(dequantise, "PIECE_WEIGHTS", 3 * 256)
    config, path = make_gguf(tmp_path, "gemma3", MIXED)
    paths = []
    for threads in (1, 4, 4):
        source = GgufSource(path, threads)
        paths.append(_train(LayeredPrefix(adapted(skeleton(config, source)), source, 60), 6))
        source.close()
    assert paths[1] == paths[0] and paths[2] == paths[0]


class Poison(TorchFunctionMode):
    """Memory that is asked for without a value is NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func in (torch.empty, torch.empty_like, torch.Tensor.new_empty) and made.is_floating_point():
            made.detach().fill_(torch.nan)
            self.made += 1
        return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_nothing_is_read_of_memory_before_it_is_written(family: str, dtype: torch.dtype, tmp_path: Path) -> None:
    """Buffers that all layers share, inputs, blocks of the head, parts of an MLP, padding."""
    _, layered, source = engines(*make_gguf(tmp_path, family), micro_tokens=60)
    layered.dtype = dtype
    for chunks in layered.chunked.of.values():
        chunks.most = 7
    batch = rows("uneven", 5)
    loss, _ = layered.step(batch)
    wanted = gradients(layered.causal)
    layered.weights.release()
    with Poison() as poison:
        assert layered.step(batch)[0] == loss
    assert poison.made > layered.layers
    found = gradients(layered.causal)
    assert all(torch.equal(value, wanted[name]) for name, value in found.items())
    source.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_gradients_are_those_of_the_model_itself(family: str, tmp_path: Path) -> None:
    """Whole gradients, not only their norm: against the present engine, and the stock path one layer at a time."""
    shared, layered, source = engines(*make_gguf(tmp_path, family), micro_tokens=50)
    for kind in KINDS:
        batch = rows(kind, 6)
        loss, _ = shared.step(batch)
        wanted = gradients(shared.causal)
        found_loss, count = layered.step(batch)
        assert (found_loss, count) == (pytest.approx(loss, abs=1e-5), sum(row.supervised for row in batch))
        assert difference(gradients(layered.causal), wanted) < 1e-5
        assert layered.stock_step(batch) == pytest.approx(loss, abs=1e-5)
        assert difference(gradients(layered.causal), wanted) < 1e-5
        assert layered.losses(batch) == pytest.approx(shared.losses(batch), rel=1e-5)
        assert layered.stock_losses(batch) == pytest.approx(shared.losses(batch), rel=1e-5)
    source.close()


@pytest.fixture
def layered(tmp_path: Path) -> Any:
    _, made, source = engines(*make_gguf(tmp_path, "llama", "Q4_K"), micro_tokens=50)
    yield made
    source.close()


def test_weighted_rows_add_up_to_the_step(layered: LayeredPrefix) -> None:
    """What the preference stages use: the gradient of any sum of the rows' losses."""
    batch = rows("uneven", 5)
    loss, count = layered.step(batch)
    wanted = gradients(layered.causal)
    layered.accumulate(batch[:2] + batch[3:], [1 / count] * 4)
    layered.accumulate([batch[2]], [1 / count])
    assert difference(gradients(layered.causal), wanted) < 1e-5
    layered.accumulate(batch, [-1 / count] * 5)
    assert difference({name: -value for name, value in gradients(layered.causal).items()}, wanted) < 1e-5
    assert loss == pytest.approx(sum(layered.losses(batch)) / count)


class Leave(Exception):
    """The owner is back."""


def test_left_at_any_moment_it_ends_in_the_same_adapter_bit_for_bit(layered: LayeredPrefix) -> None:
    """Ten moments of a step, also between the products inside a layer, forward and backward."""
    start = [parameter.detach().clone() for parameter in layered.trained]
    calls = _count_calls(layered, 2)
    wanted = [parameter.detach().clone() for parameter in layered.trained]
    for moment in torch.randint(0, calls, (10,), generator=torch.Generator().manual_seed(1)).tolist():
        for parameter, value in zip(layered.trained, start, strict=True):
            parameter.data.copy_(value)
        _count_calls(layered, 2, leave_at=moment)
        assert all(torch.equal(one, other) for one, other in zip(layered.trained, wanted, strict=True)), moment


def _count_calls(engine: LayeredPrefix, steps: int, leave_at: int | None = None) -> int:
    """Train so many steps, leaving the one that is computed at call number `leave_at` of `between` once."""
    count = 0
    left = leave_at is None

    def between() -> None:
        nonlocal count, left
        count += 1
        if not left and count > (leave_at or 0):
            left = True
            raise Leave

    _listen(engine, between)
    optimizer = torch.optim.AdamW(engine.trained, lr=1e-2)
    step = 0
    while step < steps:
        try:
            engine.step(rows("uneven", 5, seed=step))
        except Leave:
            assert all(parameter.grad is None for parameter in engine.trained)
            assert engine.weights.loaded is None
            continue
        optimizer.step()
        optimizer.zero_grad()
        step += 1
    assert left
    return count


def _listen(engine: LayeredPrefix, between: Callable[[], None]) -> None:
    """Let it be called wherever the engine looks whether to leave."""
    engine.between = engine.weights.between = engine.fast.between = between
    object.__setattr__(engine.streamed, "between", between)


def test_it_looks_whether_to_leave_before_each_product_and_each_matrix_that_is_read(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large model's layer takes many seconds, one of these a fraction of one."""
    seen: list[str] = []
    product, into, logits = fast._product, layered.source.read_into, Head.logits

    def watched_product(*arguments: Any) -> Any:
        seen.append("product")
        return product(*arguments)

    def watched_read(name: str, *arguments: Any) -> None:
        # The rows of a step's words are a few kilobytes.
        seen.extend(["read"] if ".layers." in name else [])
        into(name, *arguments)

    def watched_logits(self: Head, hidden: torch.Tensor) -> Any:
        seen.append("logits")
        return logits(self, hidden)

    monkeypatch.setattr(fast, "_product", watched_product)
    monkeypatch.setattr(layered.source, "read_into", watched_read)
    monkeypatch.setattr(Head, "logits", watched_logits)
    _listen(layered, lambda: seen.append("look"))
    layered.step(rows("uneven", 5))
    long = [index for index, what in enumerate(seen) if what != "look"]
    assert {"product", "read", "logits"} <= set(seen)
    assert [seen[index] for index in long if seen[index - 1] != "look"] == []


def test_a_layer_is_read_twice_a_step_whatever_the_batch(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    into = layered.source.read_into
    monkeypatch.setattr(layered.source, "read_into", lambda name, *rest: (read.append(name), into(name, *rest))[1])
    layered.step(rows("varying", 12))
    of_layer = [name for name in read if ".layers.1." in name]
    assert len(of_layer) == 2 * 7
    # The last layer's weights are still there when the way back begins.
    assert len([name for name in read if ".layers.2." in name]) == 7


def test_layer_inputs_that_do_not_fit_are_on_disk_and_change_nothing(layered: LayeredPrefix, tmp_path: Path) -> None:
    from aeon_plugin_ft.training.engine.layered.parts import LayerInputs

    batch = rows("uneven", 5)
    loss, _ = layered.step(batch)
    wanted = gradients(layered.causal)
    layered.input_bytes, layered.scratch = 0, tmp_path
    inputs = LayerInputs(2, 3, 4, 0, tmp_path)
    assert inputs.on_disk
    inputs.close()
    assert layered.step(batch)[0] == loss
    assert difference(gradients(layered.causal), wanted) == 0


def test_progress_is_told_of_each_layer_on_both_ways(layered: LayeredPrefix) -> None:
    told: list[tuple[int, int]] = []
    layered.on_layer = lambda done, of: told.append((done, of))
    layered.step(rows("uneven", 3))
    assert told == [(done, 6) for done in range(1, 7)]


def test_nothing_of_the_weights_stays_in_the_model(layered: LayeredPrefix) -> None:
    from aeon_plugin_ft.training.engine.layered.skeleton import is_placeholder

    layered.step(rows("uneven", 3))
    frozen = [p for p in layered.causal.parameters() if p.ndim > 1 and not p.requires_grad]
    assert frozen and all(is_placeholder(parameter.data) for parameter in frozen)


def test_no_matrix_is_made_on_the_way_to_a_model_without_them(tmp_path: Path) -> None:
    """Not for a moment: where memory is counted when it is asked for, an embedding alone would be refused."""
    from torch.utils._python_dispatch import TorchDispatchMode

    made: list[tuple[int, ...]] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if "empty" in str(func) and result.ndim > 1 and result.device.type == "cpu":
                made.append(tuple(result.shape))
            return result

    config, path = make_gguf(tmp_path, "qwen3")
    source = GgufSource(path, 1)
    with Watch():
        model = skeleton(config, source)
    source.close()
    assert made == []
    assert not model.model.rotary_emb.inv_freq.is_meta

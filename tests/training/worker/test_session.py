"""One attempt's work, in this process: interruption, resumption, fallback, what is left out."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.errors import DatasetError, TrainingError
from aeon_plugin_ft.training.model import Recipe, Run
from aeon_plugin_ft.training.plan import Row
from aeon_plugin_ft.training.runs import RunConfig, create_run
from aeon_plugin_ft.training.worker import checkpoints
from aeon_plugin_ft.training.worker.stopping import StopRequested
from aeon_plugin_ft.training.worker.verdicts import PARITY_FILE
from tests.training.worker.runner import Runner, Watch, runner

__all__ = ["runner"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


STOPS = int(os.environ.get("AEON_FT_STOPS", "10"))
EARLY = {"validation": 5, "evaluate_steps": 2, "patience": 100}


def weights(run: Run) -> bytes:
    return (run.adapter / "adapter_model.safetensors").read_bytes()


def test_interrupted_at_random_places_the_adapter_is_the_same_bit_for_bit(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    """Runs with one stop each, anywhere: in the start-up check, between micro-batches, while measuring."""
    recipe = tiny_recipe(steps=8, checkpoint_steps=3, micro_tokens=120, **EARLY)
    whole, watch = runner.new(recipe), Watch()
    outcome = runner.train(whole, watch)
    pick = random.Random(11)
    for _ in range(STOPS // 2):
        run = runner.new(recipe)
        interruptions = _train_with_one_stop(runner, run, pick.randint(4, watch.looks))
        assert interruptions == 1
        assert weights(run) == weights(whole)
    assert outcome.step == 8


def test_one_run_interrupted_at_ten_random_steps_ends_in_the_same_adapter(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    """Each attempt gets a random number of looks further than the last one's checkpoint."""
    recipe = tiny_recipe(steps=3 * STOPS, checkpoint_steps=7, micro_tokens=120, **EARLY)
    whole, run, pick = runner.new(recipe), runner.new(recipe), random.Random(23)
    expected = runner.train(whole, Watch())
    stopped_at: list[int] = []
    while len(stopped_at) < STOPS:
        runner.told.clear()
        with pytest.raises(StopRequested):
            runner.train(run, Watch(at=pick.randint(12, 22)))
        stopped_at.append(runner.told[-1].step if runner.told else stopped_at[-1] if stopped_at else 0)
    outcome = runner.train(run, Watch())
    assert stopped_at == sorted(stopped_at) and len(set(stopped_at)) >= STOPS // 2, stopped_at
    assert weights(run) == weights(whole)
    assert (outcome.loss, outcome.best_step, outcome.validation_loss) == (
        expected.loss, expected.best_step, expected.validation_loss,
    )  # fmt: skip


def test_interrupted_again_and_again_it_still_ends_there(runner: Runner, tiny_recipe: Callable[..., Recipe]) -> None:
    recipe = tiny_recipe(steps=6, checkpoint_steps=100, micro_tokens=120)
    whole = runner.new(recipe)
    runner.train(whole, Watch())
    run, stops = runner.new(recipe), 0
    while not run.adapter.exists():
        try:
            runner.train(run, Watch(at=18))
        except StopRequested:
            stops += 1
        assert stops < 12
    assert stops >= 2
    assert weights(run) == weights(whole)


def _train_with_one_stop(runner: Runner, run: Run, at: int) -> int:
    try:
        runner.train(run, Watch(at=at))
    except StopRequested:
        assert not run.adapter.exists()
        runner.train(run, Watch())
        return 1
    return 0


def test_every_adapter_weight_has_moved_and_the_loss_has_fallen(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    from safetensors.torch import load_file

    run = runner.new(tiny_recipe(steps=8))
    outcome = runner.train(run, Watch())
    assert outcome.first_loss is not None and outcome.loss is not None and outcome.loss < outcome.first_loss - 0.1
    tensors = load_file(run.adapter / "adapter_model.safetensors")
    ups = [value for name, value in tensors.items() if "lora_B" in name]
    assert len(ups) == 14 and all(bool((value != 0).any()) for value in ups)
    assert [progress.step for progress in runner.told] == list(range(1, 9))
    assert all(progress.grad_norm and progress.examples_per_second > 0 for progress in runner.told)


def test_the_shared_and_the_stock_path_train_the_same_adapter(
    runner: Runner, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    from aeon_plugin_ft.training.engine.parity import Parity
    from aeon_plugin_ft.training.worker import session

    shared, stock = runner.new(tiny_recipe()), runner.new(tiny_recipe())
    assert runner.train(shared, Watch()).engine == "shared-prefix"
    shared_losses = [progress.loss for progress in runner.told]
    runner.told.clear()
    monkeypatch.setattr(session, "check", lambda *_: Parity(False, "for this test"))
    outcome = runner.train(stock, Watch())
    assert (outcome.engine, outcome.engine_reason, outcome.saving) == ("stock", "for this test", 1.0)
    assert [progress.loss for progress in runner.told] == pytest.approx(shared_losses, abs=1e-4)
    one, other = (load_file(run.adapter / "adapter_model.safetensors") for run in (shared, stock))
    assert all(torch.allclose(one[name], other[name], atol=2e-3) for name in one)


def test_only_the_newest_two_checkpoints_are_kept_and_none_after_the_end(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    run = runner.new(tiny_recipe(steps=6, checkpoint_steps=1))
    seen: set[int] = set()

    class Counting(Watch):
        def check(self) -> None:
            folder = run.folder / "checkpoints"
            seen.add(len(list(folder.glob("step-*"))) if folder.exists() else 0)

    runner.train(run, Counting())
    assert max(seen) == 2
    assert not (run.folder / "checkpoints").exists()
    assert not (run.adapter / "README.md").exists()


def test_examples_that_do_not_fit_are_counted_and_none_left_is_an_error(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    lines = runner.dataset.train_file.read_text(encoding="utf-8").splitlines()
    long = json.loads(lines[0])
    long["messages"][1]["content"] = "muito " * 200
    runner.dataset.train_file.write_text("\n".join([*lines, json.dumps(long)]) + "\n", encoding="utf-8")
    outcome = runner.train(runner.new(tiny_recipe(steps=1)), Watch())
    assert outcome.examples == 24 and outcome.dropped == {"longer than 512 tokens": 1}
    with pytest.raises(DatasetError, match="max_length"):
        runner.train(runner.new(tiny_recipe(steps=1, max_length=64)), Watch())


def test_a_full_disk_leaves_the_older_checkpoint_whole(
    runner: Runner, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runner.new(tiny_recipe(steps=6, checkpoint_steps=2))

    def full_on_the_second(file: Path) -> None:
        if file.parent.name.startswith("step-000004"):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("aeon_plugin_ft.store.files._sync", full_on_the_second)
    with pytest.raises(OSError, match="No space"):
        runner.train(run, Watch())
    assert [path.name for path in (run.folder / "checkpoints").iterdir()] == ["step-000002"]
    monkeypatch.undo()
    assert runner.train(run, Watch()).step == 6


def test_rslora_and_lora_plus_change_the_training_and_survive_an_interruption(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    plain = runner.new(tiny_recipe())
    changed, resumed = (runner.new(tiny_recipe(rslora=True, lora_plus=8.0)) for _ in range(2))
    for run in (plain, changed):
        assert runner.train(run, Watch()).engine == "shared-prefix"
    assert _train_with_one_stop(runner, resumed, 14) == 1
    assert weights(plain) != weights(changed) == weights(resumed)
    written = json.loads((changed.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    assert written["use_rslora"] is True


def test_lora_plus_gives_b_its_own_rate_under_the_same_schedule(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    from aeon_plugin_ft.training.worker.session import Session

    run = runner.new(tiny_recipe(lora_plus=8.0))
    session = Session(run, RunConfig.read(run.folder), Watch(), lambda _: None, lambda _: None)  # type: ignore[arg-type]
    trainer, _, _ = session.prepare()
    downs, ups = trainer.create_optimizer().param_groups
    assert ups["lr"] == pytest.approx(8 * downs["lr"])
    assert len(downs["params"]) == len(ups["params"]) == 14


def test_a_parent_adapter_is_gone_on_from(runner: Runner, tiny_recipe: Callable[..., Recipe]) -> None:
    first = runner.new(tiny_recipe(steps=8))
    learnt = runner.train(first, Watch())
    second = create_run(
        runner.data, runner.store, runner.base, runner.dataset, tiny_recipe(steps=2), parent=first.adapter
    )
    outcome = runner.train(second, Watch())
    assert learnt.first_loss is not None and outcome.first_loss is not None
    assert outcome.first_loss < learnt.first_loss - 0.1, "it starts where the parent ended"


def test_a_run_that_goes_on_learns_what_is_new_and_replays_a_share_of_the_rest(
    runner: Runner, tiny_recipe: Callable[..., Recipe]
) -> None:
    from aeon_plugin_ft.training.worker.session import Session

    first = runner.new(tiny_recipe(steps=1))
    runner.train(first, Watch())
    recipe = tiny_recipe(steps=4, batch_size=4, replay_share=0.5)
    run = create_run(
        runner.data, runner.store, runner.base, runner.dataset, recipe, first.adapter, new=range(20, 24), generation=1
    )
    session = Session(run, RunConfig.read(run.folder), Watch(), lambda _: None, lambda _: None)  # type: ignore[arg-type]
    outcome = session.train()
    shown = [row for step in session.order for row in step]
    assert outcome.step == 4 and outcome.examples == 24
    assert [shown.count(row) for row in range(20, 24)] == [2, 2, 2, 2]
    assert len({row for row in shown if row < 20}) == 8


def _stopped(*arguments: object) -> None:
    raise StopRequested(PauseCause.OWNER_BACK)


def test_training_ends_early_and_its_best_moment_is_the_result(
    runner: Runner, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too high a rate on six examples: what is kept aside soon gets worse."""
    from aeon_plugin_ft.training.worker.session import Session

    few = runner.dataset.train_file.read_text(encoding="utf-8").splitlines()[:8]
    runner.dataset.train_file.write_text("\n".join(few) + "\n", encoding="utf-8")
    runner.dataset.heldout_file.unlink()  # the gate's examples are not needed for it
    settings = {"batch_size": 4, "learning_rate": 0.1, "checkpoint_steps": 100, "validation": 2, "evaluate_steps": 1}
    outcome = runner.train(runner.new(tiny_recipe(steps=60, patience=3, **settings)), Watch())
    assert outcome.best_step < outcome.step < 60
    assert outcome.step == outcome.best_step + 3
    measured = {progress.step: progress.validation_loss for progress in runner.told}
    assert outcome.validation_loss == min(loss for loss in measured.values() if loss is not None)

    again = runner.new(tiny_recipe(steps=60, patience=3, **{**settings, "checkpoint_steps": 1}))
    with monkeypatch.context() as patch, pytest.raises(StopRequested):
        patch.setattr(Session, "save_adapter", _stopped)
        runner.train(again, Watch())
    resumed = runner.train(again, Watch())
    assert (resumed.step, resumed.best_step) == (outcome.step, outcome.best_step), "it does not go on past its end"

    exact = runner.new(tiny_recipe(steps=60, **{**settings, "evaluate_steps": 60, "patience": 0}))
    with pytest.raises(StopRequested):
        runner.train(exact, Stopping(runner, outcome.best_step))
    best = max((exact.folder / "checkpoints").glob("step-*")) / "adapter_model.safetensors"
    assert best.read_bytes() == weights(again)


class Stopping(Watch):
    """Stops at the first look after a step was told."""

    def __init__(self, runner: Runner, step: int) -> None:
        super().__init__()
        self.runner, self.step = runner, step
        runner.told.clear()

    def check(self) -> None:
        if self.runner.told and self.runner.told[-1].step >= self.step:
            raise StopRequested(PauseCause.OWNER_BACK)


def test_a_tracker_gets_the_numbers_too(
    runner: Runner, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the tracker's own callback; tests/interop/tensorboard_run.py has the real one write."""
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    logged: list[float] = []

    class Tracker(TrainerCallback):
        def on_log(self, args: object, state: object, control: object, logs: object = None, **kwargs: object) -> None:
            if isinstance(logs, dict) and "loss" in logs:
                logged.append(logs["loss"])

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "tensorboard", Tracker)
    runner.train(runner.new(tiny_recipe()), Watch())
    assert logged == []
    runner.train(runner.new(tiny_recipe(report_to="tensorboard")), Watch())
    assert len(logged) == 6


def test_a_damaged_checkpoint_is_passed_over_for_the_whole_one_before_it(
    runner: Runner, tiny_recipe: Callable[..., Recipe], caplog: pytest.LogCaptureFixture
) -> None:
    """Half a file, or none: transformers goes on without a lost optimizer.pt, silently, to another result."""
    recipe = tiny_recipe(steps=6, checkpoint_steps=1)
    whole = runner.new(recipe)
    runner.train(whole, Watch())
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:1000])):
        run = runner.new(recipe)
        with pytest.raises(StopRequested):
            runner.train(run, Stopping(runner, 4))
        newest = max((run.folder / "checkpoints").glob("step-*"))
        damage(newest / "optimizer.pt")
        assert checkpoints.newest(run.folder / "checkpoints") == newest.with_name("step-000003")
        assert newest.with_name(f"{newest.name}.damaged").is_dir() and "optimizer.pt" in caplog.text
        runner.told.clear()
        runner.train(run, Watch())
        assert runner.told[0].step == 4 and weights(run) == weights(whole)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_number_that_is_none_ends_the_run_and_leaves_the_last_checkpoint_good(
    runner: Runner, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    import torch

    from aeon_plugin_ft.training.engine.shared import SharedPrefix

    step, calls = SharedPrefix.step, 0

    def spoilt(self: SharedPrefix, rows: Sequence[Row], denominator: int | None = None) -> tuple[float, int]:
        nonlocal calls
        calls += 1
        loss, count = step(self, rows, denominator)
        if calls < 5:  # the start-up check, and three steps
            return loss, count
        if what == "gradient":
            next(p for p in self.causal.parameters() if p.grad is not None).grad.fill_(torch.inf)
        return (float("nan") if what == "loss" else loss), count

    monkeypatch.setattr(SharedPrefix, "step", spoilt)
    run = runner.new(tiny_recipe(steps=8, checkpoint_steps=1))
    with pytest.raises(TrainingError, match=f"diverged: the {what} of step 4") as raised:
        runner.train(run, Watch())
    assert raised.value.cause is EndCause.DIVERGED and not run.adapter.exists()
    newest = checkpoints.newest(run.folder / "checkpoints")
    assert newest is not None and newest.name == "step-000003"
    from safetensors.torch import load_file

    good = load_file(newest / "adapter_model.safetensors")
    assert all(bool(torch.isfinite(tensor).all()) for tensor in good.values())


def test_a_run_keeps_to_the_type_that_its_first_attempt_computed_in(
    runner: Runner, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured again on a busier machine, the second attempt would round in another way."""
    import torch

    from aeon_plugin_ft.training.worker import session

    run = runner.new(tiny_recipe(steps=4, checkpoint_steps=1))
    monkeypatch.setattr(session, "compute_type", lambda *_: torch.bfloat16)
    with pytest.raises(StopRequested):
        runner.train(run, Stopping(runner, 2))
    assert json.loads((run.folder / session.PRECISION_FILE).read_text(encoding="utf-8")) == {"dtype": "bfloat16"}
    monkeypatch.setattr(session, "compute_type", lambda *_: torch.float32)
    loaded: list[torch.dtype] = []
    real = session.load_frozen

    def load_frozen(folder: object, base: object, recipe: object, device: str, dtype: torch.dtype) -> object:
        loaded.append(dtype)
        model, source = real(folder, base, recipe, device, dtype)  # type: ignore[arg-type]
        assert {parameter.dtype for parameter in model.parameters()} == {dtype}
        return model, source

    monkeypatch.setattr(session, "load_frozen", load_frozen)
    runner.train(run, Watch())
    assert loaded == [torch.bfloat16] and run.adapter.exists()


def test_the_start_up_check_is_made_before_the_weights_are_narrowed(
    runner: Runner, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bf16 two ways to one gradient were seen to differ by 9 %, more than a wrong mask makes, and sent a run onto
    the stock path, twenty times as slow."""
    import torch

    from aeon_plugin_ft.training.engine.loading import load_base
    from aeon_plugin_ft.training.worker import session

    run = runner.new(tiny_recipe(steps=2))
    monkeypatch.setattr(session, "compute_type", lambda *_: torch.bfloat16)
    narrowed: list[torch.nn.Module] = []

    def narrow(model: torch.nn.Module, dtype: torch.dtype) -> None:
        real_narrow(model, dtype)
        narrowed.append(model)

    real_narrow = session.narrow
    monkeypatch.setattr(session, "narrow", narrow)
    runner.train(run, Watch())
    verdict = json.loads((run.folder / PARITY_FILE).read_text(encoding="utf-8"))
    assert verdict["shared"] and verdict["gradient_difference"] < 1e-4, "as exact as fp32 is"
    (model,) = narrowed
    frozen = {name: p for name, p in model.named_parameters() if not p.requires_grad}
    assert {p.dtype for p in frozen.values()} == {torch.bfloat16}
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    config = session.RunConfig.read(run.folder)
    loaded = dict(load_base(config.base.training_copy, "cpu", torch.bfloat16).named_parameters())
    for name, weight in frozen.items():
        plain = name.removeprefix("base_model.model.").replace(".base_layer", "")
        assert torch.equal(weight, loaded[plain]), name

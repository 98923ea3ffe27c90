"""What a worker does between its start and its outcome: load, encode, check, train, save."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from aeon_plugin_ft.dataset import read_messages
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.training import checkpoints
from aeon_plugin_ft.training.cached import cache_file
from aeon_plugin_ft.training.encode import Encoded, Encoder
from aeon_plugin_ft.training.loading import add_adapter, load_base, pick_device, set_up_torch
from aeon_plugin_ft.training.memory import peak_bytes
from aeon_plugin_ft.training.model import Outcome, Progress, Run, RunState
from aeon_plugin_ft.training.parity import Parity, check
from aeon_plugin_ft.training.plan import Row
from aeon_plugin_ft.training.progress import write_json
from aeon_plugin_ft.training.recipe import step_examples
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.shared import SharedPrefix
from aeon_plugin_ft.training.stopping import StopRequested, StopWatch
from aeon_plugin_ft.training.trainer import Reporter, SharedPrefixTrainer, config_of, dataset_of

PARITY_FILE = "parity.json"


class Session:
    """One attempt's work. `phase` and `tell` report; `watch.check` is called wherever leaving is possible."""

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        watch: StopWatch,
        phase: Callable[[str], None],
        tell: Callable[[Progress], None],
    ) -> None:
        self.run, self.config, self.watch, self.phase, self.tell = run, config, watch, phase, tell
        self.recipe = config.recipe
        self.checkpoints = run.folder / "checkpoints"
        self.encoded = Encoded()

    def train(self) -> Outcome:
        """Train from the newest checkpoint, or from the start, to the end."""
        trainer, _, verdict = self.prepare()
        reporter = Reporter(trainer, self.tell)
        trainer.add_callback(reporter)
        trainer.add_callback(_Checkpoints(self.recipe.checkpoint_steps, self.watch.check))
        self.phase("training")
        self._run(trainer)
        self.phase("saving")
        self.save_adapter(trainer)
        return self._outcome(trainer, reporter, verdict)

    def prepare(self) -> tuple[SharedPrefixTrainer, list[Row], Parity]:
        """Everything before the first step."""
        set_up_torch(self.recipe.threads)
        self.watch.check()
        self.phase("reading the examples")
        self.encoded = self.encode()
        self.watch.check()
        self.phase("loading the model")
        device = pick_device()
        model = add_adapter(load_base(self.config.base.training_copy, device), self.recipe, self.config.parent)
        self.watch.check()
        trainer = self.trainer(model, self.encoded.rows, device)
        verdict = self.parity(trainer, self.encoded.rows)
        trainer.engine = trainer.engine if verdict.shared else None
        self.watch.check()
        return trainer, self.encoded.rows, verdict

    def encode(self) -> Encoded:
        """The training split as tokens; raise DatasetError when nothing is left of it."""
        encoder = Encoder(self.config.base.training_copy)
        encoded = encoder.encode(read_messages(self.config.dataset / "train.jsonl"), self.recipe.max_length)
        if not encoded.rows:
            left_out = ", ".join(f"{count} {reason}" for reason, count in encoded.dropped.items())
            raise DatasetError(f"No example is left to train on ({left_out})", "Raise [train] max_length")
        return encoded

    def trainer(self, model: Any, rows: Sequence[Row], device: str) -> SharedPrefixTrainer:
        """The trainer over all rows, sharing prefixes until the parity check says otherwise."""
        order = list(step_examples(self.recipe, len(rows)))
        return SharedPrefixTrainer(
            model=model,
            args=config_of(self.recipe, self.run.folder / "trainer", device),
            train_dataset=dataset_of(rows),
            processing_class=Encoder(self.config.base.training_copy).tokenizer,
            order=order,
            checkpoints=self.checkpoints,
            lora_plus=self.recipe.lora_plus,
            engine=SharedPrefix(model, self.recipe.micro_tokens, self.watch.check),
            between=self.watch.check,
        )

    def parity(self, trainer: SharedPrefixTrainer, rows: Sequence[Row]) -> Parity:
        """The start-up check, once a run: a resumed attempt must take the path of the first."""
        file = self.run.folder / PARITY_FILE
        known = file if file.exists() else self._known_parity()
        if known is not None:
            verdict = Parity(**json.loads(known.read_text(encoding="utf-8")))
            write_json(file, asdict(verdict))
            return verdict
        self.phase("checking the engine")
        trainer.model.train()
        first = [rows[index] for index in trainer.order[0]]

        assert trainer.engine is not None
        with trainer.accelerator.autocast():
            verdict = check(trainer.model, trainer.engine, first)
        write_json(file, asdict(verdict))
        return verdict

    def _known_parity(self) -> Path | None:
        """What the estimate of this very run has found on this machine a moment ago."""
        config = self.config
        file = cache_file(config.store.parent / "cache", "parity", config.base, config.dataset_hash, config.recipe)
        return file if file.exists() else None

    def _run(self, trainer: SharedPrefixTrainer) -> None:
        checkpoints.clean(self.checkpoints)
        start = checkpoints.newest(self.checkpoints)
        if start is not None and checkpoints.step_of(start) >= self.recipe.steps:
            trainer._load_from_checkpoint(str(start))
            trainer.state = trainer.state.load_from_json(str(start / "trainer_state.json"))
            return
        try:
            trainer.train(resume_from_checkpoint=str(start) if start else None)
        except StopRequested:
            if trainer.state.global_step > 0:
                checkpoints.save(trainer, self.checkpoints)
            raise

    def save_adapter(self, trainer: SharedPrefixTrainer) -> None:
        """The adapter under its final name, whole or not at all; the checkpoints have done their duty."""
        part = self.run.folder / "adapter.part"
        shutil.rmtree(part, ignore_errors=True)
        trainer.model.save_pretrained(part, save_embedding_layers=False)
        (part / "README.md").unlink(missing_ok=True)  # PEFT's model card names folders of this machine
        checkpoints.sync(part)
        shutil.rmtree(self.run.adapter, ignore_errors=True)
        part.replace(self.run.adapter)
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _outcome(self, trainer: SharedPrefixTrainer, reporter: Reporter, verdict: Parity) -> Outcome:
        history = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        return Outcome(
            state=RunState.FINISHED,
            step=trainer.state.global_step,
            steps=self.recipe.steps,
            seconds=round(reporter.elapsed, 2),
            peak_bytes=peak_bytes(),
            first_loss=history[0] if history else None,
            loss=history[-1] if history else None,
            examples=len(self.encoded.rows),
            dropped=self.encoded.dropped,
            truncated=self.encoded.truncated,
            engine="shared-prefix" if verdict.shared else "stock",
            engine_reason=verdict.reason,
            saving=round(trainer.saving, 2),
        )


class _Checkpoints(TrainerCallback):
    """A checkpoint every few steps, and a look at the stop request after each step."""

    def __init__(self, every: int, check: Callable[[], None]) -> None:
        self.every, self.check = every, check

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_save = state.global_step % self.every == 0 and state.global_step < state.max_steps

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.check()

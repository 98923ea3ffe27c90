"""What a worker does between its start and its outcome: load, encode, check, train, save."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from transformers import AutoConfig, TrainerState

from aeon_plugin_ft.causes import RunPhase
from aeon_plugin_ft.dataset.frozen import read_messages
from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.files import whole_folder, write_json
from aeon_plugin_ft.training.engine.early import EarlyStopping, RegularCheckpoints, best_step, is_over, measurements
from aeon_plugin_ft.training.engine.encode import EMPTY, Encoded, Encoder
from aeon_plugin_ft.training.engine.layered.choice import engine_of, load_frozen
from aeon_plugin_ft.training.engine.loading import CARDS, add_adapter, free_bytes, narrow, pick_device, set_up_torch
from aeon_plugin_ft.training.engine.parity import Parity, check
from aeon_plugin_ft.training.engine.precision import compute_type
from aeon_plugin_ft.training.engine.shared import SharedPrefix, causal_model
from aeon_plugin_ft.training.engine.trainer import FiniteGradients, Reporter, SharedPrefixTrainer, config_of, dataset_of
from aeon_plugin_ft.training.memory import mapped_bytes, peak_bytes, settle_micro_tokens
from aeon_plugin_ft.training.mix import Mix, choose_validation, number_prompts
from aeon_plugin_ft.training.model import Progress, Run, RunOutcome, RunState
from aeon_plugin_ft.training.plan import Row
from aeon_plugin_ft.training.recipe import step_examples
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.worker import checkpoints
from aeon_plugin_ft.training.worker.card import looks_at
from aeon_plugin_ft.training.worker.stages import OnRunPhase, Stages
from aeon_plugin_ft.training.worker.stopping import StopRequested, StopWatch
from aeon_plugin_ft.training.worker.verdicts import PARITY_FILE, verdict_file
from aeon_plugin_ft.weights.sources import WeightSource
from hooks import Message

_say = Speaker("errors/training")

PRECISION_FILE = "precision.json"
"""In a run's folder: the type that it computes in."""


class Session:
    """One attempt's work. `phase` and `tell` report; `watch.check` is called wherever leaving is possible."""

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        watch: StopWatch,
        phase: OnRunPhase,
        tell: Callable[[Progress], None],
    ) -> None:
        self.run, self.config, self.watch, self.phase, self.tell = run, config, watch, phase, tell
        self.recipe = config.recipe
        self.checkpoints = run.folder / "checkpoints"
        self.stages = Stages(run.folder / "stages")
        self.encoded = Encoded()
        self.order: list[list[int]] = []
        self.validation: list[Row] = []
        self.early: EarlyStopping | None = None
        self.micro_tokens = self.recipe.micro_tokens
        self.dtype = torch.float32
        self.source: WeightSource | None = None
        """The base's weights, where they are read a layer at a time."""

    def train(self) -> RunOutcome:
        """Every stage from where the last attempt left it to the end."""
        try:
            return self._train()
        finally:
            self.close()

    def _train(self) -> RunOutcome:
        trainer, _, verdict = self.prepare()
        reporter = Reporter(trainer, self.tell)
        trainer.add_callback(reporter)
        trainer.add_callback(FiniteGradients())
        # Before EarlyStopping: it sets `should_save` to yes or no, and would take back what the other one asks for.
        trainer.add_callback(RegularCheckpoints(self.recipe.checkpoint_steps, self.watch.check))
        if self.validation:
            self.early = EarlyStopping(self._measure(trainer), self.recipe.evaluate_steps, self.recipe.patience)
            trainer.add_callback(self.early)
        self._learn(trainer)
        preferences = self._prefer(trainer, verdict)
        self.phase(RunPhase.SAVING)
        self.save_adapter(trainer)
        return self._outcome(trainer, reporter, verdict, preferences)

    def prepare(self) -> tuple[SharedPrefixTrainer, list[Row], Parity]:
        """Everything before the first step. The rows are those that are learnt, in the numbers of the order."""
        set_up_torch(self.recipe.threads)
        self.watch.check()
        self.phase(RunPhase.READING)
        self.encoded = self.encode()
        self.watch.check()
        self.phase(RunPhase.LOADING)
        device = pick_device()
        # The slowest part of a start, and not to be interrupted from inside: hence the looks before and after.
        self.dtype, wide = self._compute_type(device), self._is_checked_wide(device)
        base, self.source = self.load(device, torch.float32 if wide else self.dtype)
        model = add_adapter(base, self.recipe, self.stages.newest() or self.config.parent)
        self.watch.check()
        # Once the weights are there: what the card holds from now on beside them is other programs'.
        for look in looks_at(device):
            self.watch.looks.append(look)
        trainer = self.trainer(model, self.encoded.rows, device)
        verdict = self.parity(trainer, self.encoded.rows)
        if wide and self.source is None and self.dtype is not torch.float32:
            narrow(model, self.dtype)
            # What it computes with depends on the weights' type.
            trainer.engine = self._engine(model)
        assert trainer.engine is not None
        trainer.engine = trainer.engine.settle(
            shared=verdict.shared, dtype=verdict.dtype, through_layers=verdict.through_layers
        )
        self.watch.check()
        return trainer, self.encoded.rows, verdict

    def load(self, device: str, dtype: torch.dtype) -> tuple[Any, WeightSource | None]:
        """The frozen base, to compute in this type, and its weights where they are read a layer at a time."""
        return load_frozen(self.run.folder, self.config.base, self.recipe, device, dtype)

    def mix(self, messages: Sequence[Sequence[Message]], kept: Sequence[int]) -> Mix:
        """What each row is, in the numbers of the rows; also sets aside the rows to measure on."""
        chats = [messages[index] for index in kept]
        new = None if self.config.new is None else set(self.config.new)
        # Two numberings: `new` and `kept` are lines of train.jsonl, everything from here on counts the rows that are
        # left.
        learnt = [row for row, line in enumerate(kept) if new is None or line in new]
        if not learnt:
            raise DatasetError(*_say.error("data.no_new_left"))
        # The question before the reply: what is kept aside must not be a question that is learnt as well.
        asked = ["" if len(chats[row]) < 2 else chats[row][-2].content.casefold() for row in learnt]
        aside = {learnt[place] for place in choose_validation(asked, self.recipe.validation, self.recipe.seed)}
        self.validation = [self.encoded.rows[row] for row in sorted(aside)]
        older = () if new is None else tuple(row for row, line in enumerate(kept) if line not in new)
        tools = frozenset(row for row, chat in enumerate(chats) if tool_call(chat[-1].content))
        talked = len(messages) - self.config.lessons if self.config.lessons else 0
        return Mix(
            tuple(row for row in learnt if row not in aside),
            older,
            tools,
            number_prompts(chat[0].content if chat[0].role == "system" else "" for chat in chats),
            frozenset(row for row, line in enumerate(kept) if line < talked) - tools,
        )

    def encode(self) -> Encoded:
        """The training split as tokens; raise DatasetError when nothing is left of it."""
        encoder = Encoder(self.config.base.training_copy)
        messages = read_messages(self.config.dataset / "train.jsonl")
        # Before the model is loaded: data that leaves nothing to learn is refused within a second.
        encoded = encoder.encode(messages, self.recipe.max_length)
        if not encoded.rows:
            left_out = ", ".join(self._left_out(kind, count) for kind, count in encoded.dropped.items())
            raise DatasetError(*_say.error("data.none_left", left_out=left_out))
        self.encoded = encoded
        self.order = list(step_examples(self.recipe, self.mix(messages, encoded.kept)))
        return encoded

    def _left_out(self, kind: str, count: int) -> str:
        return _say(
            "data.left_empty" if kind == EMPTY else "data.left_long", count=count, tokens=self.recipe.max_length
        )

    def trainer(self, model: Any, rows: Sequence[Row], device: str) -> SharedPrefixTrainer:
        """The trainer over all rows, sharing prefixes until the parity check says otherwise."""
        self.micro_tokens = self._micro_tokens(model, rows, device)
        return SharedPrefixTrainer(
            model=model,
            args=config_of(self.recipe, self.run.folder / "trainer", device),
            train_dataset=dataset_of(rows),
            processing_class=Encoder(self.config.base.training_copy).tokenizer,
            order=self.order,
            checkpoints=self.checkpoints,
            lora_plus=self.recipe.lora_plus,
            engine=self._engine(model),
            between=self.watch.check,
        )

    def _engine(self, model: Any) -> SharedPrefix:
        return engine_of(model, self.source, self.micro_tokens, self.watch.check, self.run.folder, self.dtype)

    def close(self) -> None:
        """Let go of the base's files."""
        if self.source is not None:
            self.source.close()

    def _is_checked_wide(self, device: str) -> bool:
        """Whether the start-up check is still to be made, and in fp32: two ways to the same gradient, rounded to bf16,
        differ by more than a wrong mask would make. A GPU's fp32 weights may not fit beside the rest."""
        return device == "cpu" and verdict_file(self.run.folder, self.config) is None

    def _compute_type(self, device: str) -> torch.dtype:
        """Measured once a run: its later attempts must round as the first one did."""
        file = self.run.folder / PRECISION_FILE
        if not file.exists():
            config = AutoConfig.from_pretrained(self.config.base.training_copy, local_files_only=True)
            write_json(file, {"dtype": str(compute_type(config, device)).removeprefix("torch.")})
        chosen: torch.dtype = getattr(torch, json.loads(file.read_text(encoding="utf-8"))["dtype"])
        return chosen

    def _micro_tokens(self, model: Any, rows: Sequence[Row], device: str) -> int:
        config = causal_model(model).config.get_text_config()  # type: ignore[union-attr, operator]
        return settle_micro_tokens(
            self.run.folder, self.recipe.micro_tokens, config, free_bytes(device), rows,
            gpu=device in CARDS, layered=self.source is not None,
        )  # fmt: skip

    def parity(self, trainer: SharedPrefixTrainer, rows: Sequence[Row]) -> Parity:
        """The start-up check, once a run: a resumed attempt must take the path of the first."""
        file, kept_file = self.run.folder / PARITY_FILE, verdict_file(self.run.folder, self.config)
        if kept_file is not None:
            verdict = Parity(**json.loads(kept_file.read_text(encoding="utf-8")))
            write_json(file, asdict(verdict))
            return verdict
        self.phase(RunPhase.CHECKING)
        # As in a step: the check must go through what the training goes through.
        trainer.model.train()
        first = [rows[index] for index in trainer.order[0]]

        assert trainer.engine is not None
        # The precision of a step, too: `training_step` computes inside the same context.
        with trainer.accelerator.autocast():
            verdict = check(trainer.model, trainer.engine, first)
        write_json(file, asdict(verdict))
        return verdict

    def _measure(self, trainer: SharedPrefixTrainer) -> Callable[[], float]:
        """The loss on the rows that are kept aside, nats per supervised token."""
        # Over all tokens, not the mean of the rows' means: a short reply must not count as much as a long one.
        tokens = sum(row.supervised for row in self.validation)

        def measure() -> float:
            scorer = trainer.engine or SharedPrefix(trainer.model, self.micro_tokens, self.watch.check)
            losses = scorer.losses if trainer.engine else scorer.stock_losses
            trainer.validation_loss = sum(losses(self.validation)) / tokens
            return trainer.validation_loss

        return measure

    def _learn(self, trainer: SharedPrefixTrainer) -> None:
        """The first stage: the replies themselves."""
        if self.stages.newest() is not None:
            # An earlier attempt has finished this stage, and `prepare` has loaded its adapter: only the history is
            # missing, from which the outcome is told.
            trainer.state = TrainerState.load_from_json(str(self.stages.state("sft")))
            return
        self.phase(RunPhase.TRAINING)
        self._run(trainer)
        best = best_step(trainer.state.log_history)
        if best is not None and best != trainer.state.global_step:
            # The result is the best moment, not the last one. Its checkpoint is there: `save` keeps that of the best
            # step.
            trainer._load_from_checkpoint(str(checkpoints.at(self.checkpoints, best)))

    def _run(self, trainer: SharedPrefixTrainer) -> None:
        checkpoints.clean(self.checkpoints)
        start = checkpoints.newest(self.checkpoints)
        if start is not None:
            state = TrainerState.load_from_json(str(start / "trainer_state.json"))
            # Nothing is left to train. Trainer knows only of `max_steps`: a run that ended early would go on.
            if state.global_step >= self.recipe.steps or is_over(state.log_history, self.recipe.patience):
                trainer._load_from_checkpoint(str(start))
                trainer.state = state
                return
        try:
            trainer.train(resume_from_checkpoint=str(start) if start else None)
        except StopRequested:
            # In the middle of a step the state is still that of the last whole one, and the gradients of this one are
            # not saved: it is computed again.
            if trainer.state.global_step > 0 and not (self.early and self.early.measuring):
                trainer._save_checkpoint(trainer.model, None)
            raise

    def _prefer(self, trainer: SharedPrefixTrainer, verdict: Parity) -> dict[str, dict[str, float]]:
        """The preference stages that there are enough opinions for, one after the other."""
        if not self.recipe.preference_min or not (self.config.dataset / "ratings.jsonl").exists():
            return {}
        from aeon_plugin_ft.training.engine.preferences import Stage, read_opinions

        opinions = read_opinions(
            self.config.dataset, Encoder(self.config.base.training_copy), self.recipe.max_length
        )  # fmt: skip
        kinds = opinions.stages(self.recipe.preference_min)
        if not kinds:
            return {}
        # Only with more stages to come: a run of one goes on from its checkpoints.
        self.stages.finish("sft", trainer.model, trainer.state)
        for kind in kinds:
            if self.stages.report(kind) is None:
                stage = Stage(
                    kind,
                    opinions,
                    self.recipe,
                    trainer.model,
                    shared=verdict.shared or self.source is not None,
                    micro_tokens=self.micro_tokens,
                    folder=self.run.folder / f"checkpoints-{kind}",
                    tell=self._teller(kind),
                    check=self.watch.check,
                    engine=trainer.engine,
                )
                report = stage.run(trainer.processing_class, str(trainer.args.device.type))
                self.stages.finish(kind, trainer.model, report=asdict(report))
        return {kind: self.stages.report(kind) or {} for kind in kinds}

    def _teller(self, kind: str) -> Callable[[int, int], None]:
        phase = {"dpo": RunPhase.CORRECTIONS, "kto": RunPhase.OPINIONS}[kind]
        return lambda step, steps: self.phase(phase, step, steps)

    def save_adapter(self, trainer: SharedPrefixTrainer) -> None:
        """The adapter under its final name, whole or not at all; the checkpoints have done their duty."""
        with whole_folder(self.run.adapter, replace=True) as part:
            trainer.model.save_pretrained(part, save_embedding_layers=False)
            (part / "README.md").unlink(missing_ok=True)  # PEFT's model card names folders of this machine
        for old in (self.stages.folder, *self.run.folder.glob("checkpoints*")):
            # Last: a worker that dies before it still finds the checkpoints, and one that dies in it has its adapter.
            shutil.rmtree(old, ignore_errors=True)

    def _outcome(
        self,
        trainer: SharedPrefixTrainer,
        reporter: Reporter,
        verdict: Parity,
        preferences: dict[str, dict[str, float]],
    ) -> RunOutcome:
        history = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        measured = dict(measurements(trainer.state.log_history))
        best = best_step(trainer.state.log_history)
        return RunOutcome(
            state=RunState.FINISHED,
            step=trainer.state.global_step,
            steps=self.recipe.steps,
            seconds=round(reporter.elapsed, 2),
            # Pages of the base's own file are no memory that anybody has to have.
            peak_bytes=peak_bytes() - mapped_bytes(self.config.base.gguf),
            first_loss=history[0] if history else None,
            loss=history[-1] if history else None,
            examples=len(self.encoded.rows),
            dropped=self.encoded.dropped,
            truncated=self.encoded.truncated,
            engine=("" if self.source is None else "layered-") + ("shared-prefix" if verdict.shared else "stock"),
            engine_reason=verdict.reason,
            saving=round(trainer.saving, 2),
            best_step=best or trainer.state.global_step,
            validation_loss=None if best is None else measured[best],
            preferences=preferences,
        )

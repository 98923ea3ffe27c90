"""TRL's SFTTrainer with exact shared-prefix training.

Everything but the step's forward and backward is TRL's and transformers' own: loop, optimizer, schedule,
clipping, logging. Where sharing is not proven for a model, the same class trains on the stock path.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from aeon_plugin_ft.causes import EndCause
from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.awake import awake_seconds
from aeon_plugin_ft.training.engine.early import best_step
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.model import Progress, Recipe
from aeon_plugin_ft.training.plan import IGNORED, Row, plan_batch, tokens_computed
from aeon_plugin_ft.training.worker import checkpoints

_say = Speaker("errors/training")

STOCK_MICRO_TOKENS = 2200
"""Padded tokens of a micro-batch on the stock path: about four examples with an assistant's long prompt."""


class InOrder(torch.utils.data.Sampler[int]):
    """The examples in an order that was decided beforehand."""

    def __init__(self, steps: Sequence[Sequence[int]]) -> None:
        self.order = [index for step in steps for index in step]

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


class SharedPrefixTrainer(SFTTrainer):
    """`order` is the examples of each step. `engine` None: the stock path. `between` is called between
    micro-batches and raises to stop. One dataloader batch is one optimizer step's whole batch."""

    def __init__(
        self,
        *,
        order: Sequence[Sequence[int]],
        checkpoints: Path,
        lora_plus: float = 0.0,
        engine: SharedPrefix | None = None,
        between: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        self.order = order
        self.lora_plus = lora_plus
        self.checkpoints = checkpoints
        self.engine = engine
        self.last_loss = math.nan
        self.validation_loss: float | None = None
        self.between = between
        self.computed = self.stock_tokens = 0
        super().__init__(**kwargs)
        trl_collator: Any = self.data_collator
        self.data_collator: Any = RightPadded(trl_collator.pad_token_id)

    def _get_train_sampler(self, train_dataset: Any = None) -> InOrder:
        return InOrder(self.order)

    def create_optimizer(self, model: Any = None) -> Any:
        """AdamW; with LoRA+ (https://arxiv.org/abs/2402.12354) B's rate is a multiple of A's, under one schedule."""
        # As Trainer's own: one that was made before is kept.
        made: Any = getattr(self, "optimizer", None)
        if not self.lora_plus or made is not None:
            return super().create_optimizer(model)
        ups: list[Tensor] = []
        rest: list[Tensor] = []
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                (ups if "lora_B" in name else rest).append(parameter)
        rate = self.args.learning_rate
        groups = [{"params": rest}, {"params": ups, "lr": rate * self.lora_plus}]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=self.args.weight_decay, fused=True)
        return self.optimizer

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """One effective batch: gradients added to the adapter, the mean loss returned."""
        rows = rows_of(inputs)
        model.train()
        # Trainer counts the batch's supervised tokens; `one_step` stands outside its loop and has no such count.
        count = int(num_items_in_batch) if num_items_in_batch is not None else sum(row.supervised for row in rows)
        loss = self.stock_step(model, rows, count) if self.engine is None else self._shared_step(rows, count)
        self.last_loss = float(loss)
        if not math.isfinite(self.last_loss):
            raise diverged(self.state.global_step + 1, self.last_loss)
        return loss

    def _shared_step(self, rows: Sequence[Row], count: int) -> Tensor:
        assert self.engine is not None
        shared, apart = tokens_computed(rows, plan_batch(rows, self.engine.micro_tokens))
        self.computed += shared
        self.stock_tokens += apart
        # What Trainer.training_step does around its forward pass, which is replaced here.
        with self.accelerator.autocast():
            loss, _ = self.engine.step(rows, count)
        return torch.tensor(loss, device=self.args.device)

    def stock_step(self, model: Any, rows: Sequence[Row], count: int) -> Tensor:
        """The same through TRL's own loss, in micro-batches that fit the memory."""
        total = torch.zeros((), device=self.args.device)
        for part in stock_micro_batches(rows):
            self.between()
            inputs = self._prepare_inputs(self.data_collator([columns(row) for row in part]))
            loss = self.compute_loss(model, inputs, num_items_in_batch=torch.tensor(count, device=self.args.device))
            self.accelerator.backward(loss)
            total += loss.detach()
        self.computed += sum(len(row.ids) for row in rows)
        self.stock_tokens += sum(len(row.ids) for row in rows)
        return total

    def one_step(self, rows: Sequence[Row]) -> None:
        """A whole step outside the training loop, to measure it: gradients, clipping, update."""
        inputs = self._prepare_inputs(self.data_collator([columns(row) for row in rows]))
        self.training_step(self.model, inputs)
        # What Trainer's loop does after training_step, so that the measured time and memory are a real step's.
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        torch.nn.utils.clip_grad_norm_(trained, self.args.max_grad_norm)
        self.optimizer.step()
        self.model.zero_grad()

    @property
    def saving(self) -> float:
        """How many times fewer tokens were computed than without sharing."""
        return self.stock_tokens / self.computed if self.computed else 1.0

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        checkpoints.save(self, self.checkpoints, best_step(self.state.log_history))

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the plugin writes its own manifest, and a card would name folders of this machine."""


class RightPadded:
    """What TRL's collator makes of rows, as three tensors at once where that one makes six for each row."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, Tensor]:
        """`input_ids`, `labels` and `attention_mask` of rows as `columns` gives them, each [rows, longest]."""
        open_places = [max(len(row["input_ids"]) for row in rows) - len(row["input_ids"]) for row in rows]

        def filled(lists: Iterator[list[int]], value: int) -> Tensor:
            return torch.tensor([[*one, *[value] * n] for one, n in zip(lists, open_places, strict=True)])

        return {
            "input_ids": filled((row["input_ids"] for row in rows), self.pad),
            "labels": filled((row["labels"] for row in rows), IGNORED),
            "attention_mask": filled(([1] * len(row["input_ids"]) for row in rows), 0),
        }


def columns(row: Row) -> dict[str, list[int]]:
    """A row as a collator wants it."""
    return {"input_ids": list(row.ids), "labels": list(row.labels)}


def rows_of(inputs: dict[str, Any]) -> list[Row]:
    """The rows of a right-padded batch."""
    lengths = inputs["attention_mask"].sum(-1).tolist()
    ids, labels = inputs["input_ids"].tolist(), inputs["labels"].tolist()
    return [Row(tuple(i[:n]), tuple(lab[:n])) for i, lab, n in zip(ids, labels, lengths, strict=True)]


def stock_micro_batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows sorted by length, longest first, in parts of at most STOCK_MICRO_TOKENS padded tokens."""
    part: list[Row] = []
    for row in sorted((row for row in rows if row.supervised), key=lambda row: -len(row.ids)):
        # Padded to the longest, which is the first of the part.
        if part and (len(part) + 1) * len(part[0].ids) > STOCK_MICRO_TOKENS:
            yield part
            part = []
        part.append(row)
    if part:
        yield part


def dataset_of(rows: Sequence[Row]) -> Dataset:
    """Rows as the dataset that TRL's trainer is given."""
    return Dataset.from_dict(
        {"input_ids": [list(row.ids) for row in rows], "labels": [list(row.labels) for row in rows]}
    )  # fmt: skip


def config_of(recipe: Recipe, output: Path, device: str) -> SFTConfig:
    """TRL's configuration of a recipe. Nothing is saved or evaluated by TRL itself, nor reported unless asked for."""
    return SFTConfig(
        output_dir=str(output),
        # The whole effective batch at once: the engine cuts it itself, along shared prefixes.
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=1,
        max_steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        packing=False,
        # The rows are tokens and labels already; TRL would tokenise, and label, by its own rules.
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=True,
        **{**plain_arguments(recipe.seed, device), "report_to": recipe.report_to},
    )


def plain_arguments(seed: int, device: str) -> dict[str, Any]:
    """What every trainer of TRL's is told here: nothing saved, reported or evaluated by itself, no truncation,
    and the precision of the loaded weights."""
    return {
        # One operator for all parameters, where the others are a dozen for each.
        "optim": "adamw_torch_fused",
        "seed": seed,
        "data_seed": seed,
        "use_cpu": device == "cpu",
        # Mixed precision would cast again what was loaded in the type to compute in.
        "bf16": False,
        "fp16": False,
        "gradient_checkpointing": False,
        "max_length": None,
        # Rows are token ids in memory already, and a child of a child would survive a kill.
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "eval_strategy": "no",
        "logging_steps": 1,
        # A NaN in the log must be seen: the filter would show the last good loss instead.
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
    }


def diverged(step: int, loss: float | None = None) -> TrainingError:
    """A training whose numbers are none any more, seen by its loss, or without one by its gradient: every later step,
    and its result, would be worth nothing."""
    told = _say.error("diverged.gradient" if loss is None else "diverged.loss", step=step, loss=loss)
    return TrainingError(*told, cause=EndCause.DIVERGED)


class FiniteGradients(TrainerCallback):
    """Ends the run before a gradient that is no number reaches the weights: the last checkpoint stays good."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After clipping, which makes every number of an infinite gradient NaN."""
        gradients = [parameter.grad for parameter in kwargs["model"].parameters() if parameter.grad is not None]
        # A norm is finite only if every number is. One for all, because a card is waited for when it is looked at.
        if not math.isfinite(float(torch.nn.utils.get_total_norm(gradients))):
            raise diverged(state.global_step + 1)


_SHORTEST_STEP = 1e-3
"""Seconds. Windows' clock may not move in a step of a tiny model."""


TOLD_EVERY = 15.0
"""Seconds between what is told inside a step."""


class Reporter(TrainerCallback):
    """Tells of every step, and inside a long one how much of it is done. Seconds left are those of the median of the
    last steps."""

    def __init__(self, trainer: SharedPrefixTrainer, tell: Callable[[Progress], None]) -> None:
        self.trainer, self.tell = trainer, tell
        self.started = awake_seconds()
        self.seconds: list[float] = []
        self._began = self._told = self.started
        self._stepping = False
        self._newest: Progress | None = None
        self.losses: list[float] = []
        if trainer.engine is not None:
            trainer.engine.on_layer = self.on_layer

    @property
    def elapsed(self) -> float:
        """Seconds since training began in this attempt."""
        return awake_seconds() - self.started

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock of one step."""
        self._began = self._told = awake_seconds()
        self._stepping = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Tell the newest figures; logs without a loss (the summary at the end of training) are none."""
        if not logs or "loss" not in logs:
            return
        self.seconds.append(awake_seconds() - self._began)
        self._stepping = False
        median = self._median()
        loss = self.trainer.last_loss
        self.losses.append(loss)
        norm = logs.get("grad_norm")
        self._newest = Progress(
            step=state.global_step,
            steps=state.max_steps,
            loss=loss,
            examples_per_second=round(args.per_device_train_batch_size / median, 3),
            saving=round(self.trainer.saving, 2),
            seconds=round(self.elapsed, 2),
            seconds_left=round(median * (state.max_steps - state.global_step), 1),
            grad_norm=None if norm is None else float(norm),
            learning_rate=logs.get("learning_rate"),
            validation_loss=self.trainer.validation_loss,
        )
        self.tell(self._newest)

    def _median(self) -> float:
        """Seconds of a step."""
        recent = sorted(self.seconds[-9:])
        # The median: a laptop that throttles, or an owner who comes back, makes single steps many times slower.
        return max(recent[len(recent) // 2], _SHORTEST_STEP)

    def on_layer(self, done: int, of: int) -> None:
        """Tell, now and then, that `done` of `of` layers of a step are computed, the way forward and the way back."""
        now = awake_seconds()
        # The engine computes for others too: measurements, and the stages that follow.
        if not self._stepping or now - self._told < TOLD_EVERY:
            return
        self._told = now
        forward = of // 2
        # A layer on the way back is computed once more, and then its gradients.
        part = (done + max(0, done - forward)) / (3 * forward)
        step = self._median() if self.seconds else (now - self._began) / part
        state = self.trainer.state
        last = self._newest or Progress(state.global_step, state.max_steps, None, 0.0, 1.0, 0.0, 0.0)
        left = step * (state.max_steps - state.global_step - part)
        self.tell(replace(last, part=round(part, 3), seconds=round(self.elapsed, 2), seconds_left=round(left, 1)))

"""The second, short stage: what the owner corrected, praised and complained about, through TRL's DPO and KTO.

Corrections are pairs (the owner's words against the reply that was corrected): DPO,
https://arxiv.org/abs/2305.18290. Praise and complaints are replies with a label: KTO,
https://arxiv.org/abs/2402.01306. Both start from the adapter that was trained before, which is also their
reference, and compute on the shared-prefix engine where that is proven (see logprobs.py). A bad reply is
only ever the rejected side.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from datasets import Dataset
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from aeon_plugin_ft.dataset.frozen import read_preferences, read_ratings
from aeon_plugin_ft.dataset.model import Preference
from aeon_plugin_ft.training.engine.due import CheckpointDue
from aeon_plugin_ft.training.engine.encode import Encoder
from aeon_plugin_ft.training.engine.logprobs import through_engine
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.engine.trainer import plain_arguments
from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.training.plan import Row
from aeon_plugin_ft.training.worker import checkpoints
from aeon_plugin_ft.training.worker.stopping import StopRequested
from hooks import Message

Kind = Literal["dpo", "kto"]
BATCH = 8
EPOCHS = 2
MOST_STEPS = 60
STOCK_BATCH = 2
"""Pairs or replies at once where the engine cannot be used; the rest of a batch is accumulated."""

LEAST_OF_A_KIND = 4
"""KTO with praise alone or complaints alone learns to say more, or less, of everything."""

MOST_WEIGHT = 4.0
_REFERENCE = "ref"


@dataclass(slots=True)
class Opinions:
    """Encoded opinions. `pairs` are (better, worse) replies to one prompt; `rated` are (reply, is it good)."""

    pairs: list[tuple[Row, Row]] = field(default_factory=list)
    rated: list[tuple[Row, bool]] = field(default_factory=list)

    def stages(self, least: int) -> list[Kind]:
        """What there is enough of, in the order in which it is trained. `least` 0: nothing."""
        if not least:
            return []
        good = sum(is_good for _, is_good in self.rated)
        mixed = min(good, len(self.rated) - good) >= LEAST_OF_A_KIND
        # Pairs first: they say what the better reply is. KTO then starts from what they taught.
        kinds: list[Kind] = ["dpo"] if len(self.pairs) >= least else []
        return [*kinds, "kto"] if len(self.rated) >= least and mixed else kinds


def read_opinions(dataset: Path, encoder: Encoder, max_length: int) -> Opinions:
    """The frozen opinions that fit. A corrected turn is a pair and no rating as well."""
    opinions = Opinions()
    pairs = read_preferences(dataset)
    for pair in pairs:
        rows = _pair(pair, encoder, max_length)
        if rows is not None:
            opinions.pairs.append(rows)
    # The correction says more than the complaint that it is counted as, too.
    corrected = {pair.id for pair in pairs}
    for rating in read_ratings(dataset):
        if rating.id not in corrected and rating.reply.strip():
            row = encoder.row([*rating.prompt, Message("assistant", rating.reply)])
            if len(row.ids) <= max_length:
                opinions.rated.append((row, rating.good))
    return opinions


def _pair(pair: Preference, encoder: Encoder, max_length: int) -> tuple[Row, Row] | None:
    """(chosen, rejected); None when there is nothing to choose between, or it is too long."""
    if pair.chosen.strip() == pair.rejected.strip() or not pair.chosen.strip() or not pair.rejected.strip():
        return None
    chosen, rejected = (
        encoder.row([*pair.prompt, Message("assistant", reply)]) for reply in (pair.chosen, pair.rejected)
    )
    longest = max(len(chosen.ids), len(rejected.ids))
    return (chosen, rejected) if longest <= max_length and chosen.ids != rejected.ids else None


@dataclass(frozen=True, slots=True)
class Report:
    """What a preference stage did. A margin is the mean log-probability of the wanted replies minus that of the
    unwanted ones, nats a reply."""

    examples: int
    steps: int
    margin_before: float
    margin_after: float


class Stage:
    """One preference stage on `model`, whose adapter is changed in place.

    `shared` False: TRL's own computation instead of the engine's. `folder` keeps the checkpoints. `tell` hears
    (step, steps), `check` raises to stop; it is asked between micro-batches. `engine` where there is one already.
    """

    def __init__(
        self,
        kind: Kind,
        opinions: Opinions,
        recipe: Recipe,
        model: Any,
        *,
        shared: bool,
        micro_tokens: int,
        folder: Path,
        tell: Callable[[int, int], None] = lambda step, steps: None,
        check: Callable[[], None] = lambda: None,
        engine: SharedPrefix | None = None,
    ) -> None:
        self.kind, self.opinions, self.recipe, self.model = kind, opinions, recipe, model
        self.shared, self.folder, self.tell, self.check = shared, folder, tell, check
        self.engine = engine or SharedPrefix(model, micro_tokens, check)
        self.examples = len(opinions.pairs if kind == "dpo" else opinions.rated)
        self.batch = min(BATCH, self.examples)
        self.steps = min(MOST_STEPS, math.ceil(EPOCHS * self.examples / self.batch))

    def run(self, tokenizer: Any, device: str) -> Report:
        """From the newest checkpoint, or from the start, to the end."""
        before = self.margin()
        trainer = self.trainer(tokenizer, device)
        try:
            with through_engine(self.engine) if self.shared else nullcontext():
                self._train(trainer)
        finally:
            # TRL leaves its frozen copy beside the trained adapter: the next stage makes one of the same name, and
            # `save_adapter` would write both.
            self.model.delete_adapter(_REFERENCE)
        return Report(self.examples, self.steps, round(before, 4), round(self.margin(), 4))

    def margin(self) -> float:
        """How much likelier the wanted replies are than the unwanted ones, nats a reply."""
        better, worse = self._sides()
        losses = self.engine.losses if self.shared else self.engine.stock_losses
        return sum(losses(worse)) / len(worse) - sum(losses(better)) / len(better)

    def _sides(self) -> tuple[list[Row], list[Row]]:
        if self.kind == "dpo":
            return [chosen for chosen, _ in self.opinions.pairs], [rejected for _, rejected in self.opinions.pairs]
        rated = self.opinions.rated
        return [row for row, good in rated if good], [row for row, good in rated if not good]

    def trainer(self, tokenizer: Any, device: str) -> Any:
        """TRL's trainer, ready to run; it has put a frozen copy of the adapter beside it as the reference."""
        at_once = self.batch if self.shared else min(STOCK_BATCH, self.batch)
        order = list(self._order())
        arguments = self._arguments(at_once, device)
        make = _Dpo if self.kind == "dpo" else _Kto
        rows = self._pairs(order) if self.kind == "dpo" else self._ratings(order, at_once)
        trainer = make(
            model=self.model, args=arguments, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
        )  # fmt: skip
        trainer.checkpoints = self.folder
        trainer.add_callback(_Told(self))
        return trainer

    def _train(self, trainer: Any) -> None:
        checkpoints.clean(self.folder)
        start = checkpoints.newest(self.folder)
        if start is not None and checkpoints.step_of(start) >= self.steps:
            trainer._load_from_checkpoint(str(start))
            return
        try:
            trainer.train(resume_from_checkpoint=str(start) if start else None)
        except StopRequested:
            if trainer.state.global_step > 0:
                checkpoints.save(trainer, self.folder)
            raise

    def _order(self) -> Iterator[int]:
        """The example of each place in the run: epochs in random orders, the same in every attempt."""
        missing, number = self.steps * self.batch, 0
        while missing > 0:
            order = list(range(self.examples))
            # From a text: Python hashes it with SHA-512, the same in every process, and no library draws from it.
            random.Random(f"{self.recipe.seed}/{self.kind}/{number}").shuffle(order)
            yield from order[:missing]
            missing, number = missing - len(order), number + 1

    def _pairs(self, order: Sequence[int]) -> list[dict[str, Any]]:
        rows = []
        for index in order:
            chosen, rejected = self.opinions.pairs[index]
            (prompt, better), (_, worse) = _parts(chosen), _parts(rejected)
            rows.append({"prompt_ids": prompt, "chosen_ids": better, "rejected_ids": worse})
        return rows

    def _ratings(self, order: Sequence[int], at_once: int) -> list[dict[str, Any]]:
        """With the reply of the row before it in its batch, from which KTO estimates how far the model has moved."""
        rows = [(*_parts(self.opinions.rated[index][0]), self.opinions.rated[index][1]) for index in order]
        made = []
        for start in range(0, len(rows), at_once):
            batch = rows[start : start + at_once]
            for place, (prompt, reply, good) in enumerate(batch):
                # Place 0 takes the last one's: KTO wants the reply of another example behind this one's prompt. A batch
                # of one has only its own.
                other = batch[place - 1][1]
                made.append({"prompt_ids": prompt, "completion_ids": reply, "KL_completion_ids": other, "label": good})
        return made

    def _arguments(self, at_once: int, device: str) -> Any:
        common: dict[str, Any] = {
            "output_dir": str(self.folder / "trainer"),
            "per_device_train_batch_size": at_once,
            "gradient_accumulation_steps": math.ceil(self.batch / at_once),
            "max_steps": self.steps,
            "learning_rate": self.recipe.preference_rate,
            "lr_scheduler_type": "cosine",
            "warmup_steps": round(0.1 * self.steps),
            "weight_decay": 0.0,
            "max_grad_norm": self.recipe.max_grad_norm,
            "beta": self.recipe.preference_beta,
            "train_sampling_strategy": "sequential",  # the rows are in the order of the run
            **plain_arguments(self.recipe.seed, device),
        }
        if self.kind == "dpo":
            return DPOConfig(**common)
        better, worse = self._sides()
        # The rarer side counts more, so that both weigh the same in sum; up to a limit, or a single complaint beside a
        # hundred words of praise would rule the run.
        return KTOConfig(
            desirable_weight=min(MOST_WEIGHT, max(1.0, len(worse) / len(better))),
            undesirable_weight=min(MOST_WEIGHT, max(1.0, len(better) / len(worse))),
            **common,
        )


def _parts(row: Row) -> tuple[list[int], list[int]]:
    """(prompt, reply) as token ids."""
    cut = row.first_supervised
    return list(row.ids[:cut]), list(row.ids[cut:])


class _Encoded:
    """Rows that are tokens already, and checkpoints in the plugin's own layout."""

    checkpoints: Path

    def _prepare_dataset(self, dataset: Dataset, *arguments: Any, **more: Any) -> Dataset:
        return dataset

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        checkpoints.save(self, self.checkpoints)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: a card would name folders of this machine."""


class _Dpo(_Encoded, DPOTrainer):
    """TRL's DPO on encoded pairs."""


class _Kto(_Encoded, KTOTrainer):
    """TRL's KTO on encoded replies."""


class _Told(TrainerCallback):
    """Tells of every step, saves where it is due, and looks at the stop request."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.due = stage, CheckpointDue(stage.recipe.checkpoint_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say the step; ask for a checkpoint where one is due: not at the end, where the stage's own result is kept."""
        self.stage.tell(state.global_step, state.max_steps)
        control.should_save = self.due.after(state.global_step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave here if asked to: the newest checkpoint is then of this very step."""
        self.due.saved()
        self.stage.check()

"""Other trainers on a card, for benchmarks/gpu.py: TRL (alone, in micro-batches, with Liger kernels) and Unsloth."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, TrainerCallback

from benchmarks.gpu import build
from benchmarks.gpu_device import finish, forget_peak, give_back, kernels_in, profiler, summary

MICRO = 4


def trainer_time(engine: str, shape: str, options: argparse.Namespace, rows: list[Any]) -> dict[str, Any]:
    """Seconds, peak, losses and kernels of a trainer's steps over the same rows; the model is built anew."""
    with tempfile.TemporaryDirectory() as folder:
        model, tokenizer = (
            _unsloth(shape, Path(folder), options.device)
            if engine == "unsloth"
            else (build(shape, device=options.device), words(64))
        )
        trainer = _trainer(engine, model, tokenizer, rows, Path(folder), options)
        clock = Clock(options.steps + 1, options.device)
        trainer.add_callback(clock)
        forget_peak(options.device)
        trainer.train()
    busy, kernels, top = kernels_in(clock.profile)
    found = summary(rows, clock.seconds[: options.steps], clock.losses[: options.steps], busy, kernels, options.device)
    return {**found, **({"top": top} if options.profile else {})}


class Clock(TrainerCallback):  # type: ignore[misc]
    """Times every step, and profiles the last."""

    def __init__(self, steps: int, device: str) -> None:
        self.steps, self.device = steps, device
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self.profile = profiler(device)
        self._began = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock of one step."""
        finish(self.device)
        if state.global_step == self.steps - 1:
            self.profile.start()
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop it once the card is done."""
        finish(self.device)
        self.seconds.append(time.perf_counter() - self._began)
        if state.global_step == self.steps:
            self.profile.stop()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        """Keep the loss of the step."""
        if "loss" in logs:
            self.losses.append(round(float(logs["loss"]), 4))


def words(count: int) -> Any:
    """A tokenizer of so many words, which nobody asks anything: the rows are tokens already."""
    vocabulary = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{f"w{number}": number for number in range(3, count)}}
    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocabulary, "<pad>")), pad_token="<pad>", bos_token="<bos>",
        eos_token="<eos>", unk_token="<pad>",
    )  # fmt: skip
    made.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return made


def _trainer(engine: str, model: Any, tokenizer: Any, rows: list[Any], folder: Path, options: Any) -> Any:
    from trl import SFTConfig, SFTTrainer

    from aeon_plugin_ft.training.engine.trainer import InOrder, dataset_of, plain_arguments

    parts = len(rows) // MICRO if engine == "trl-micro" else 1
    steps = options.steps + 1

    class Ordered(SFTTrainer):  # type: ignore[misc]
        """The same rows in each step."""

        def _get_train_sampler(self, train_dataset: Any = None) -> InOrder:
            return InOrder([list(range(len(rows)))] * steps)

    arguments = SFTConfig(
        output_dir=str(folder / "out"),
        per_device_train_batch_size=len(rows) // parts,
        gradient_accumulation_steps=parts,
        max_steps=steps,
        learning_rate=2e-4,
        lr_scheduler_type="constant",
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        use_liger_kernel=engine == "trl-liger",
        **plain_arguments(17, options.device),
    )
    return Ordered(model=model, args=arguments, train_dataset=dataset_of(rows), processing_class=tokenizer)


def _unsloth(shape: str, folder: Path, device: str) -> tuple[Any, Any]:
    """Unsloth loads from a folder: the same random weights, and a tokenizer with as many words."""
    from unsloth import FastLanguageModel

    from benchmarks.shapes import SHAPES

    base = build(shape, device=device).unload()
    base.save_pretrained(folder / "base")
    words(SHAPES[shape].vocabulary).save_pretrained(folder / "base")
    del base
    give_back(device)
    model, tokenizer = FastLanguageModel.from_pretrained(
        str(folder / "base"), max_seq_length=2048, dtype=torch.bfloat16, load_in_4bit=False
    )
    adapted = FastLanguageModel.get_peft_model(
        model, r=16, lora_alpha=16, lora_dropout=0.0, bias="none", use_gradient_checkpointing=False, random_state=17,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    )  # fmt: skip
    return adapted, tokenizer

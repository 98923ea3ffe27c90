"""Operators dispatched in one optimizer step, on a CPU: on a graphics card each is at least one kernel to launch.

    python benchmarks/launches.py                      every engine, a llama of 16 narrow layers, 16 rows of one prompt
    python benchmarks/launches.py --engine flat --top  which operators, most frequent first

An operator that only looks at memory in another way (a view) launches nothing and is not counted. A cast is a copy
between two types. The width of a model changes neither number. Rows are random tokens in the lengths of the sample
conversation; the base is in bf16 and the adapter in fp32, as on a card. "pass" is forward and backward of all rows,
"step" all that the trainer does in a step: the pass, clipping, and the optimizer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from aeon_plugin_ft.training.plan import IGNORED, Row  # noqa: E402

PROMPT, ROWS, LAYERS, VOCABULARY = 453, 16, 16, 512
SUFFIXES = (112, 104, 99, 96, 93, 91, 89, 88, 86, 85, 84, 82, 80, 77, 74, 62)
"""Tokens behind the prompt; a bit over half of each is the reply."""


@dataclass
class Counted(TorchDispatchMode):
    """Counts what is dispatched while it is active."""

    operators: Counter[str] = field(default_factory=Counter)
    casts: int = 0
    cast_bytes: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if not is_view(func):
            self.operators[func.overloadpacket.__name__] += 1
        for source, target in cast_pairs(func, args, made):
            if source.is_floating_point() and target.is_floating_point() and source.dtype != target.dtype:
                self.casts += 1
                self.cast_bytes += target.numel() * target.element_size()
        return made

    @property
    def total(self) -> int:
        """All operators that are no views."""
        return sum(self.operators.values())


def cast_pairs(func: Any, args: Any, made: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(from, to) of every copy that an operator makes."""
    name = func.overloadpacket.__name__
    if name == "_to_copy":
        return [(args[0], made)]
    if name == "copy_" and isinstance(args[1], torch.Tensor):
        return [(args[1], args[0])]
    # One launch for many tensors.
    return [(args[1][0], args[0][0])] if name == "_foreach_copy_" else []


def is_view(func: Any) -> bool:
    """Whether an operator only shows memory in another way, or only takes some."""
    name = func.overloadpacket.__name__
    if name in {"_unsafe_view", "_reshape_alias", "lift_fresh"}:
        return True
    aliased = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
    return aliased or name in {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach"}


def rows(count: int = ROWS, seed: int = 3, vocabulary: int = VOCABULARY) -> list[Row]:
    """Random tokens behind one prompt, in the lengths of the sample conversation."""
    random = torch.Generator().manual_seed(seed)

    def tokens(length: int) -> list[int]:
        made: list[int] = torch.randint(3, vocabulary, (length,), generator=random).tolist()
        return made

    prompt = tokens(PROMPT)
    made = []
    for length in (SUFFIXES * (1 + count // len(SUFFIXES)))[:count]:
        suffix, asked = tokens(length), length * 2 // 5
        made.append(Row((*prompt, *suffix), (*[IGNORED] * (PROMPT + asked), *suffix[asked:])))
    return made


def model(layers: int = LAYERS, dtype: torch.dtype = torch.bfloat16, width: int = 64) -> Any:
    """A narrow llama with an fp32 adapter on all its linear layers."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    base = LlamaForCausalLM(config).to(dtype)
    adapter = LoraConfig(r=16, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made = get_peft_model(base, adapter)
    for name, parameter in made.named_parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return made.train()


def count(step: Callable[[], None]) -> Counted:
    """What one step dispatches, after one that sets up what later ones find."""
    step()
    with Counted() as counted:
        step()
    return counted


def trainer_step(engine: Any, adapted: Any, batch: list[Row], folder: Path) -> Callable[[], None]:
    """A whole step of the trainer around an engine; None is TRL's own path."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from aeon_plugin_ft.training.engine.trainer import SharedPrefixTrainer, config_of, dataset_of
    from aeon_plugin_ft.training.model import Recipe

    recipe = Recipe(16, 16, 1e-3, len(batch), 1.0, 4, 1, 1536, 17, 1, 1000)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 2}, "<pad>")), pad_token="<pad>",
        eos_token="<eos>",
    )  # fmt: skip
    trainer = SharedPrefixTrainer(
        order=[list(range(len(batch)))] * 4, checkpoints=folder, engine=engine, model=adapted,
        args=config_of(recipe, folder, "cpu"), train_dataset=dataset_of(batch), processing_class=tokenizer,
    )  # fmt: skip
    trainer.create_optimizer()
    return lambda: trainer.one_step(batch)


def show(name: str, counted: Counted, top: int) -> None:
    """One line of the table, and the `top` most frequent operators."""
    mebibytes = counted.cast_bytes / 2**20
    print(f"{name:12s} {counted.total:6d} operators {counted.casts:5d} casts {mebibytes:8.1f} MiB", flush=True)
    for operator, times in counted.operators.most_common(top):
        print(f"    {times:6d} {operator}")


def engines() -> dict[str, Callable[[Any], Any]]:
    """What can be counted: a model with an adapter to the engine around it."""
    from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
    from aeon_plugin_ft.training.engine.shared import SharedPrefix

    return {
        "stock": lambda _: None,
        "shared": SharedPrefix,
        "flat": FlatPrefix,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", nargs="+", default=list(engines()), choices=list(engines()))
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--top", action="store_true", help="also the operators")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name in options.engine:
        adapted = model(options.layers)
        engine, batch = engines()[name](adapted), rows(options.rows)
        with tempfile.TemporaryDirectory() as folder:
            whole = trainer_step(engine, adapted, batch, Path(folder))
            steps = {"step": whole} if engine is None else {"pass": partial(engine.step, batch), "step": whole}
            for what, step in steps.items():
                counted = count(step)
                results[f"{name} {what}"] = {
                    "operators": counted.total, "casts": counted.casts, "cast_bytes": counted.cast_bytes
                }  # fmt: skip
                show(f"{name} {what}", counted, 30 if options.top else 0)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

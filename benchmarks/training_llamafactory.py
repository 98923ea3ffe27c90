"""LoRA training with LLaMA-Factory, as the third column beside benchmarks/training.py: same rows, steps and recipe.

    python benchmarks/training_llamafactory.py --venv FOLDER                batches 8, 16 and 32, 1 + 5 steps each
    python benchmarks/training_llamafactory.py --venv FOLDER --batch 8 --steps 3
    python benchmarks/training_llamafactory.py --venv FOLDER --against training.json   and the ratio to ours

FOLDER is a virtual environment with `pip install llamafactory==0.9.5`, made when it is not there: its pins do not fit
beside the trainer's own libraries. `--against` reads what `benchmarks/training.py --out training.json` wrote.

The rows are those of benchmarks/training.py, in the same order and batches (LLaMA-Factory's shuffling is off), fp32 on
the CPU, LoRA rank 16 on all linear layers, dropout 0, micro-batches of 4 with accumulation. Measured twice: with
`disable_gradient_checkpointing: true`, which is the fair comparison, and at its default. The steps are timed by a
callback of transformers inside LLaMA-Factory's own `run_exp`; the first one warms up and is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
VERSION = "0.9.5"
MICRO = 4
SEED = 17

DRIVER = """
import importlib.metadata as meta, importlib.util, json, sys, time, types
from pathlib import Path
if importlib.util.find_spec("torchaudio") is None:  # imported by LLaMA-Factory, needed for audio only
    audio = types.ModuleType("torchaudio")
    audio.__spec__ = importlib.util.spec_from_loader("torchaudio", None)
    sys.modules["torchaudio"] = audio
import torch
from transformers import TrainerCallback
from llamafactory.train.tuner import run_exp

class Timer(TrainerCallback):
    def __init__(self):
        self.seconds, self.logs, self.tokens, self.dtypes = [], [], 0, []
    def on_train_begin(self, *_, model, **__):
        self.dtypes = sorted({str(one.dtype).removeprefix("torch.") for one in model.parameters()})
    def on_step_begin(self, *_, **__):
        self.began = time.perf_counter()
    def on_step_end(self, args, state, control, **_):
        self.seconds.append(time.perf_counter() - self.began)
        self.tokens = int(state.num_input_tokens_seen)
    def on_log(self, args, state, control, logs, **_):
        if "loss" in logs:
            self.logs.append((float(logs["loss"]), float(logs["grad_norm"])))

torch.set_num_threads(int(sys.argv[2]))
timer = Timer()
run_exp(args=json.loads(Path(sys.argv[1]).read_text()), callbacks=[timer])
peak = next(int(line.split()[1]) * 1024 for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmHWM:"))
versions = {name: meta.version(name) for name in ("llamafactory", "transformers", "peft", "torch")}
print()
print(json.dumps({"seconds": timer.seconds, "losses": [loss for loss, _ in timer.logs],
    "norms": [norm for _, norm in timer.logs], "peak_bytes": peak, "tokens": timer.tokens,
    "dtypes": timer.dtypes, "versions": versions}))
"""


def main() -> int:
    options = _options()
    python = python_of(options.venv.absolute())
    from benchmarks.training import default_copy

    copy = (options.model or default_copy()).absolute()
    ours = _ours(options.against)
    for batch in options.batch:
        for checkpointing in [kind == "on" for kind in options.checkpointing]:
            found = measure(python, copy, batch, checkpointing, options)
            _show(batch, checkpointing, found, ours.get(batch))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="a virtual environment for LLaMA-Factory")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 32], help="effective batch sizes")
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps, the first of which is not counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--model", type=Path, help="a training copy; default: the built-in SmolLM2-135M-Instruct")
    parser.add_argument("--template", default="smollm2", help="LLaMA-Factory's name of the model's chat template")
    parser.add_argument("--checkpointing", nargs="+", choices=["off", "on"], default=["off", "on"])
    parser.add_argument("--bf16", action="store_true", help="bf16 as it has it for training")
    parser.add_argument("--against", type=Path, help="what benchmarks/training.py --out wrote")
    return parser.parse_args()


def python_of(venv: Path) -> Path:
    """The Python of a virtual environment with LLaMA-Factory, made when it is not there."""
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"llamafactory=={VERSION}"], check=True)
    return python


def _ours(file: Path | None) -> dict[int, dict[str, Any]]:
    if file is None:
        return {}
    return {entry["batch"]: entry["shared"] for entry in json.loads(file.read_text(encoding="utf-8"))}


def measure(
    python: Path, copy: Path, batch: int, checkpointing: bool, options: argparse.Namespace
) -> dict[str, Any]:  # fmt: skip
    """Seconds of each step and all else that `DRIVER` tells. Raises SystemExit with what it said where it failed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_rows(folder, batch, options.steps)
        config = folder / "train.json"
        config.write_text(json.dumps(_config(folder, copy, batch, checkpointing, options)), encoding="ascii")
        (folder / "driver.py").write_text(DRIVER, encoding="ascii")
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": str(options.threads),
            "MKL_NUM_THREADS": str(options.threads),
            "PYTHONUTF8": "1",
        }
        done = subprocess.run(
            [str(python), str(folder / "driver.py"), str(config), str(options.threads)],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"LLaMA-Factory ended with {done.returncode}:\n{done.stdout[-4000:]}")
        line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith('{"seconds"'))
        found: dict[str, Any] = json.loads(line)
        return found


def _write_rows(folder: Path, batch: int, steps: int) -> None:
    """The examples of every step one after the other, in LLaMA-Factory's sharegpt layout."""
    from aeon_plugin_ft.dataset.export.texts import dataset_info

    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for chat in chats_of(batch, steps):
            file.write(json.dumps({"messages": chat}) + "\n")
    (folder / "dataset_info.json").write_text(json.dumps({"rows": dataset_info("rows.jsonl")}), encoding="ascii")


def chats_of(batch: int, steps: int) -> list[list[dict[str, str]]]:
    """The examples of every step one after the other, as messages."""
    from aeon_plugin_ft.dataset.build import build_draft
    from aeon_plugin_ft.dataset.importers.importing import import_file
    from aeon_plugin_ft.settings import Settings
    from aeon_plugin_ft.training.mix import Mix, batches
    from benchmarks.training import SAMPLE
    from core.prompt import system_prompt

    prompt = system_prompt(datetime(2026, 1, 1, 12, 0))
    draft = build_draft(import_file(SAMPLE).turns, Settings().dataset, system_prompt=prompt)
    chats = [
        [{"role": message.role, "content": message.content} for message in example.messages] for example in draft.train
    ]
    return [chats[row] for step in batches(steps, batch, SEED, Mix.plain(len(chats))) for row in step]


def _config(
    folder: Path, copy: Path, batch: int, checkpointing: bool, options: argparse.Namespace
) -> dict[str, Any]:  # fmt: skip
    micro = min(MICRO, batch)
    found: dict[str, Any] = {
        "model_name_or_path": str(copy), "template": options.template, "stage": "sft", "do_train": True,
        "finetuning_type": "lora", "lora_rank": 16, "lora_alpha": 16, "lora_dropout": 0.0, "lora_target": "all",
        "dataset_dir": str(folder), "dataset": "rows", "cutoff_len": 1536, "mask_history": True,
        "disable_shuffling": True, "output_dir": str(folder / "out"), "save_strategy": "no", "logging_steps": 1,
        "report_to": "none", "per_device_train_batch_size": micro, "gradient_accumulation_steps": batch // micro,
        "max_steps": options.steps, "learning_rate": 1e-3, "lr_scheduler_type": "cosine", "warmup_steps": 1,
        "seed": SEED, "use_cpu": True, "fp16": False, "bf16": options.bf16, "include_num_input_tokens_seen": True,
    }  # fmt: skip
    if not checkpointing:
        found["disable_gradient_checkpointing"] = True
    return found


def _show(batch: int, checkpointing: bool, found: dict[str, Any], ours: dict[str, Any] | None) -> None:
    middle = median(found["seconds"][1:] or found["seconds"])
    name = "default (checkpointing on)" if checkpointing else "checkpointing off"
    print(
        f"batch {batch:3d}  LLaMA-Factory {found['versions']['llamafactory']}, {name}: {middle:8.2f} s/step"
        f"  peak {found['peak_bytes'] / 2**30:.2f} GiB  {found['tokens']} tokens in {' and '.join(found['dtypes'])}"
        f"  losses {[round(loss, 5) for loss in found['losses']]}",
        flush=True,
    )
    if ours is not None:
        apart = max(abs(a - b) for a, b in zip(found["losses"], ours["losses"], strict=False))
        print(f"batch {batch:3d}  ours {ours['median']:.2f} s/step: {middle / ours['median']:.2f}x"
              f"  largest difference of a loss: {apart:.1e}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

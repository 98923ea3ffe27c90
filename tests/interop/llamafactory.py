"""Does `llamafactory-cli train` really train on our export, to the end, and can its export merge the result?

    python tests/interop/llamafactory.py --venv FOLDER

Run with the plugin's own environment. FOLDER is a virtual environment with `pip install llamafactory`, made when it
is not there. A tiny random Qwen2 (about 0.2 million weights, a byte-level tokenizer trained here) is the base model,
so it takes a minute on a CPU and says nothing about quality. torchvision and torchaudio, which LLaMA-Factory asks for
and a text model does not need, are taken out of FOLDER where they do not fit its torch (the builds for a GPU beside a
torch for the CPU); an empty torchaudio takes that one's place, because it is imported all the same.

Passes when both commands end with 0, the loss fell, and every LoRA weight moved from its start. Prints the
versions that it ran with.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.export.exporting import export
from aeon_plugin_ft.dataset.export.texts import ExportPlan
from aeon_plugin_ft.dataset.frozen import freeze
from aeon_plugin_ft.dataset.importers.importing import import_file
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.store import DataFolder, Store

VERSION = "0.9.5"
SAMPLE = Path(__file__).parents[2] / "samples" / "conversation.log"
PROMPT = "Você é AEON, o sistema operacional desta máquina. Responda em português, direto e casual."
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MAKE_MODEL = """
import sys
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, set_seed
folder, corpus, template = sys.argv[1:4]
set_seed(1)
bpe = ByteLevelBPETokenizer()
bpe.train([corpus], vocab_size=600, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
bpe.save(folder + "/bpe.json")
special = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
tokenizer = PreTrainedTokenizerFast(tokenizer_file=folder + "/bpe.json", **special)
tokenizer.chat_template = template
tokenizer.save_pretrained(folder)
config = Qwen2Config(vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True)
Qwen2ForCausalLM(config).save_pretrained(folder)
"""
CHECK = """
import json, sys
from pathlib import Path
from safetensors.torch import load_file
weights = load_file(Path(sys.argv[1]) / "adapter_model.safetensors")
still = [name for name, value in weights.items() if "lora_B" in name and not value.abs().sum()]
assert weights and not still, f"did not move: {still}"
log = json.loads((Path(sys.argv[1]) / "trainer_state.json").read_text())["log_history"]
history = [row["loss"] for row in log if "loss" in row]
assert history[-1] < history[0], history
import importlib.metadata as meta
versions = {name: meta.version(name) for name in ("llamafactory", "transformers", "trl", "peft", "torch")}
print(json.dumps({"first_loss": history[0], "last_loss": history[-1], "lora_tensors": len(weights), **versions}))
"""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--venv", type=Path, required=True, help="a virtual environment for LLaMA-Factory")
    venv = arguments.parse_args().venv.absolute()
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"llamafactory=={VERSION}"], check=True)
    leave_out_what_does_not_fit(python)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = write_export(folder, make_model(python, folder))
        cli = python.with_name("llamafactory-cli" + (".exe" if os.name == "nt" else ""))
        run([str(cli), "train", "train_lora_sft.yaml"], work)
        result = run([str(python), "-c", CHECK, "saves/aeon-lora"], work)
        run([str(cli), "export", "merge_lora.yaml"], work)
        assert (work / "saves" / "aeon-merged" / "config.json").is_file()
    print(result.splitlines()[-1])
    return 0


def leave_out_what_does_not_fit(python: Path) -> None:
    """Take torchvision and torchaudio out where importing them fails."""
    for name in ("torchvision", "torchaudio"):
        if subprocess.run([str(python), "-c", f"import {name}"], capture_output=True, check=False).returncode == 0:
            continue
        subprocess.run([str(python), "-m", "pip", "uninstall", "-q", "-y", name], check=True)
        print(f"{name} does not fit this torch and is left out")
        if name == "torchaudio":
            where = "import sysconfig; print(sysconfig.get_path('purelib'))"
            folder = subprocess.run([str(python), "-c", where], capture_output=True, text=True, check=True).stdout
            Path(folder.strip(), "torchaudio.py").write_text("", encoding="ascii")


def make_model(python: Path, folder: Path) -> Path:
    """A random model with a tokenizer of its own, made by LLaMA-Factory's own libraries."""
    model = folder / "tiny-qwen2"
    model.mkdir()
    run([str(python), "-c", MAKE_MODEL, str(model), str(SAMPLE), CHATML], folder)
    return model


def write_export(folder: Path, model: Path) -> Path:
    """Import the sample, curate it with some feedback, freeze it, export it."""
    data = DataFolder(folder / "data").create()
    store = Store(data.database)
    turns = import_file(SAMPLE).turns
    chat = [turn for turn in turns if turn.kind.value == "chat"]
    feedback = {chat[3].id: Feedback(chat[3].id, "correction", "Não, cara, é outra coisa.")}
    feedback |= {chat[5].id: Feedback(chat[5].id, "praise")}
    draft = build_draft(turns, DatasetSection(), system_prompt=PROMPT, feedback=feedback)
    dataset = freeze(draft, data, store)
    store.close()
    plan = ExportPlan(
        str(model), template="qwen", rank=8, alpha=16, learning_rate=2e-3, epochs=1, batch_size=8, cpu=True
    )
    done = export(dataset, folder / "export", "llamafactory", plan)
    print(
        f"{dataset.train} examples to train on, {dataset.heldout} held out; {done.next_step.replace(str(folder), '')}"
    )
    return folder / "export"


def run(command: list[str], cwd: Path) -> str:
    """Run without a network; the output goes to the terminal when it fails."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **offline}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        print(done.stdout[-6000:])
        raise SystemExit(f"{' '.join(command)[:120]} ended with {done.returncode}")
    (cwd / "last.log").write_text(done.stdout, encoding="utf-8")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

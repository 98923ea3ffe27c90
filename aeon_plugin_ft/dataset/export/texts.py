"""The configurations of other trainers, written out with our recipe. Every key is one that the tool's current
release reads (checked against LLaMA-Factory 0.9.5, Axolotl 0.19 and Unsloth 2026.10)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.settings import TrainSection

_say = Speaker("errors/dataset")

_TEMPLATES = (
    # Part of the base model's name, lower case, the most particular first -> LLaMA-Factory's template.
    ("deepseek-r1", "deepseekr1"), ("qwen3", "qwen3_nothink"), ("qwen", "qwen"), ("gemma-3", "gemma3"),
    ("gemma-2", "gemma2"), ("llama-3", "llama3"), ("llama3", "llama3"), ("smollm2", "smollm2"), ("smollm", "smollm"),
    ("phi-4-mini", "phi4_mini"), ("phi-4", "phi4"), ("ministral", "ministral"), ("mistral", "mistral"),
    ("gpt-oss", "gpt_oss"), ("falcon", "falcon"), ("granite-3", "granite3"), ("granite-4", "granite4"),
)  # fmt: skip
_MARKS = {
    # Template -> what stands before a question and before a reply in the model's own chat template.
    "gemma3": ("<start_of_turn>user\n", "<start_of_turn>model\n"),
    "gemma2": ("<start_of_turn>user\n", "<start_of_turn>model\n"),
    "llama3": (
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "phi4": ("<|im_start|>user<|im_sep|>", "<|im_start|>assistant<|im_sep|>"),
    "mistral": ("[INST]", "[/INST]"),
    "deepseekr1": ("<｜User｜>", "<｜Assistant｜>"),
}
_CHATML = ("<|im_start|>user\n", "<|im_start|>assistant\n")


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """The base model and the recipe that an export carries. `batch_size` is the effective batch; `template` is
    LLaMA-Factory's name of the chat template, "" to derive it from the model's name; `cpu` is for a machine
    without a GPU."""

    base_model: str = "HuggingFaceTB/SmolLM2-135M-Instruct"
    template: str = ""
    rank: int = 16
    alpha: int = 16
    learning_rate: float = 2e-4
    epochs: float = 3.0
    batch_size: int = 16
    max_length: int = 1536
    seed: int = 17
    cpu: bool = False

    @classmethod
    def of(cls, base_model: str, train: TrainSection, *, template: str = "", cpu: bool = False) -> ExportPlan:
        """From [train]; what is 0 ("chosen") there becomes the usual value."""
        usual = cls()
        return cls(
            base_model, template, train.rank, train.alpha, train.learning_rate or usual.learning_rate,
            train.epochs or usual.epochs, train.batch_size or usual.batch_size, train.max_length, train.seed, cpu,
        )  # fmt: skip

    def with_template(self) -> ExportPlan:
        """The plan with its template known; DatasetError when the model's name does not tell it."""
        if self.template:
            return self
        name = self.base_model.lower()
        chosen = next((template for part, template in _TEMPLATES if part in name), None)
        if chosen is None:
            raise DatasetError(*_say.error("export.no_template", base=self.base_model))
        return replace(self, template=chosen)

    @property
    def micro_batch(self) -> int:
        """Examples at a time on the device; what is missing to the effective batch is accumulated."""
        return next(size for size in (4, 2, 1) if self.batch_size % size == 0)


def dataset_info(file_name: str) -> dict[str, Any]:
    """One entry of dataset_info.json. Every tag is given: with `tags` there, one that is left out is None and
    every example with that role would be skipped."""
    columns = {"messages": "messages"}
    entry: dict[str, Any] = {"file_name": file_name, "formatting": "sharegpt", "columns": columns}
    if file_name.startswith("aeon_dpo"):
        entry["ranking"] = True
        columns.update(chosen="chosen", rejected="rejected")
    if file_name.startswith("aeon_kto"):
        columns["kto_tag"] = "label"
    entry["tags"] = {
        "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
        "system_tag": "system", "observation_tag": "tool", "function_tag": "function_call",
    }  # fmt: skip
    return entry


def llamafactory_train(plan: ExportPlan, evaluate: bool) -> str:
    """LLaMA-Factory's configuration of a LoRA training on the exported files."""
    keys: dict[str, Any] = {
        "model_name_or_path": plan.base_model,
        "trust_remote_code": False,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": plan.rank,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "lora_target": "all",
        "dataset_dir": ".",
        "dataset": "aeon_sft",
        "template": plan.template,
        "cutoff_len": plan.max_length,
        # Only the last reply of a conversation is the example's target.
        "mask_history": True,
        "output_dir": "saves/aeon-lora",
        "logging_steps": 5,
        "save_strategy": "epoch",
        "plot_loss": True,
        "report_to": "none",
        "per_device_train_batch_size": plan.micro_batch,
        "gradient_accumulation_steps": plan.batch_size // plan.micro_batch,
        "learning_rate": plan.learning_rate,
        "num_train_epochs": plan.epochs,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 10,
        "seed": plan.seed,
    }
    if evaluate:
        keys |= {
            "eval_dataset": "aeon_heldout",
            "eval_strategy": "epoch",
            "per_device_eval_batch_size": plan.micro_batch,
        }
    keys |= {"use_cpu": True} if plan.cpu else {"bf16": True}
    return _yaml("llamafactory-cli train train_lora_sft.yaml", keys)


def llamafactory_merge(plan: ExportPlan) -> str:
    """LLaMA-Factory's configuration that merges what it has trained."""
    keys = {
        "model_name_or_path": plan.base_model,
        "adapter_name_or_path": "saves/aeon-lora",
        "template": plan.template,
        "finetuning_type": "lora",
        "trust_remote_code": False,
        "export_dir": "saves/aeon-merged",
        "export_size": 5,
        "export_device": "cpu",
        "export_legacy_format": False,
    }
    return _yaml("llamafactory-cli export merge_lora.yaml", keys)


def axolotl(plan: ExportPlan, evaluate: bool) -> str:
    """Axolotl's configuration of the same training."""

    def data(path: str) -> dict[str, Any]:
        return {
            "path": path, "ds_type": "json", "split": "train", "type": "chat_template", "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"], "train_on_eos": "turn",
        }  # fmt: skip

    keys: dict[str, Any] = {
        "base_model": plan.base_model,
        "load_in_4bit": False,
        "adapter": "lora",
        "chat_template": "tokenizer_default",
        "datasets": [data("./aeon_sft.jsonl")],
        "output_dir": "./outputs/aeon-lora",
        "sequence_len": plan.max_length,
        "sample_packing": False,
        "lora_r": plan.rank,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "lora_target_linear": True,
        "micro_batch_size": plan.micro_batch,
        "gradient_accumulation_steps": plan.batch_size // plan.micro_batch,
        "num_epochs": plan.epochs,
        "optimizer": "adamw_torch",
        "lr_scheduler": "cosine",
        "learning_rate": plan.learning_rate,
        "warmup_steps": 10,
        "bf16": False if plan.cpu else "auto",
        "gradient_checkpointing": not plan.cpu,
        "attn_implementation": "sdpa",
        "saves_per_epoch": 1,
        "seed": plan.seed,
    }
    if evaluate:
        keys |= {"test_datasets": [data("./aeon_heldout.jsonl")], "evals_per_epoch": 1}
    if "gemma" in plan.base_model.lower():
        # Axolotl takes the end of a turn for unmasked without it (its issue 3754).
        keys["eot_tokens"] = ["<end_of_turn>"]
    return _yaml("axolotl train aeon.yaml", keys)


def unsloth(plan: ExportPlan) -> str:
    """A script for Unsloth, which has no configuration files."""
    name = plan.base_model.lower()
    template = plan.template or next((template for part, template in _TEMPLATES if part in name), "")
    question, reply = _MARKS.get(template, _CHATML)
    values = {
        "BASE": plan.base_model, "MAX": plan.max_length, "RANK": plan.rank, "ALPHA": plan.alpha,
        "MICRO": plan.micro_batch, "ACCUMULATE": plan.batch_size // plan.micro_batch, "EPOCHS": plan.epochs,
        "RATE": plan.learning_rate, "SEED": plan.seed, "QUESTION": question, "REPLY": reply,
    }  # fmt: skip
    constants = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    return _UNSLOTH.replace("@CONSTANTS@", constants)


_UNSLOTH = '''"""Fine-tune with Unsloth (needs a GPU): python train_unsloth.py"""

from unsloth import FastLanguageModel  # must be the first import
from unsloth.chat_templates import train_on_responses_only
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

@CONSTANTS@

model, tokenizer = FastLanguageModel.from_pretrained(BASE, max_seq_length=MAX, load_in_4bit=True)
model = FastLanguageModel.get_peft_model(
    model, r=RANK, lora_alpha=ALPHA, lora_dropout=0, bias="none", random_state=SEED,
    use_gradient_checkpointing="unsloth",
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
)


def texts(name):
    rows = load_dataset("json", data_files=name, split="train")
    return rows.map(lambda row: {"text": tokenizer.apply_chat_template(row["messages"], tokenize=False)})


trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=texts("aeon_sft.jsonl"),
    eval_dataset=texts("aeon_heldout.jsonl"),
    args=SFTConfig(
        output_dir="outputs", dataset_text_field="text", max_length=MAX, per_device_train_batch_size=MICRO,
        gradient_accumulation_steps=ACCUMULATE, num_train_epochs=EPOCHS, learning_rate=RATE, warmup_steps=10,
        optim="adamw_8bit", lr_scheduler_type="cosine", logging_steps=5, eval_strategy="epoch", seed=SEED,
        report_to="none",
    ),
)
# Only the last reply is the target.
trainer = train_on_responses_only(trainer, instruction_part=QUESTION, response_part=REPLY, last_response_only=True)
trainer.train()
model.save_pretrained("aeon-lora")
tokenizer.save_pretrained("aeon-lora")
model.save_pretrained_gguf("aeon-gguf", tokenizer, quantization_method="q4_k_m")
'''


def _yaml(command: str, keys: dict[str, Any]) -> str:
    """Flat YAML whose values are JSON (a subset of YAML), so that any path or name is quoted right; ASCII only."""
    lines = [f"# {command}"]
    for key, value in keys.items():
        if isinstance(value, float) and value and value < 1e-3:
            # PyYAML reads 2e-4 as text: YAML 1.1 wants the dot.
            lines.append(f"{key}: {value:.10f}".rstrip("0"))
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"

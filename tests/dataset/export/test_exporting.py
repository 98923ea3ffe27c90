"""Exports: the files, that they say what was frozen, and that a configuration reads back as it was meant."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.export.exporting import FORMATS, alternates, export
from aeon_plugin_ft.dataset.export.texts import ExportPlan
from aeon_plugin_ft.dataset.frozen import freeze
from aeon_plugin_ft.dataset.importers.importing import import_file
from aeon_plugin_ft.dataset.model import Dataset, Feedback
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.settings import DatasetSection, TrainSection
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Message
from tests.dataset.conftest import MakeTurn

QWEN = ExportPlan(base_model="Qwen/Qwen2.5-1.5B-Instruct")


@pytest.fixture
def dataset(turn: MakeTurn, data: DataFolder, store: Store) -> Dataset:
    things = ("café", "xadrez", "violão", "planetas", "foguetes", "montanhas")
    said = [(f"e {thing}, é o quê?", f"Cara, {thing} é massa, ação pura.") for thing in things]
    turns = [turn(user, reply, f"s{n}", float(n)) for n, (user, reply) in enumerate(said)]
    odd = (Message("user", "a"), Message("user", "b?"))
    turns.insert(0, turn("", "Duas perguntas, cara.", "s", messages=odd))
    first, second = turns[1].id, turns[2].id
    feedback = {first: Feedback(first, "correction", "É bebida."), second: Feedback(second, "praise")}
    return freeze(build_draft(turns, DatasetSection(), system_prompt="Você é AEON.", feedback=feedback), data, store)


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_jsonl_is_the_frozen_text_and_reads_back(dataset: Dataset, tmp_path: Path) -> None:
    done = export(dataset, tmp_path / "out", "jsonl")
    assert [file.name for file in done.files] == ["train.jsonl", "heldout.jsonl"]
    assert done.files[0].read_bytes() == dataset.train_file.read_bytes()
    found = import_file(done.files[0])
    assert [(*turn.messages, Message("assistant", turn.reply)) for turn in found.turns if turn.user != "b?"] == [
        tuple(Message(m["role"], m["content"]) for m in row["messages"]) for row in rows(done.files[0])
        if row["messages"][-2]["content"] != "b?"
    ]  # fmt: skip


def test_llamafactory_gets_its_data_description_and_both_configurations(dataset: Dataset, tmp_path: Path) -> None:
    done = export(dataset, tmp_path, "llamafactory", QWEN)
    info = json.loads((tmp_path / "dataset_info.json").read_bytes().decode("ascii"))
    assert set(info) == {"aeon_sft", "aeon_heldout", "aeon_dpo", "aeon_kto"}
    for name, entry in info.items():
        assert (tmp_path / entry["file_name"]).stem == name
        assert set(entry["tags"]) >= {"role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag"}
    train = yaml.safe_load((tmp_path / "train_lora_sft.yaml").read_bytes().decode("ascii"))
    assert train["do_train"] is True
    assert (train["dataset"], train["eval_dataset"], train["template"]) == ("aeon_sft", "aeon_heldout", "qwen")
    assert train["learning_rate"] == pytest.approx(2e-4)
    assert train["per_device_train_batch_size"] * train["gradient_accumulation_steps"] == 16
    merge = yaml.safe_load((tmp_path / "merge_lora.yaml").read_text())
    assert merge["adapter_name_or_path"] == train["output_dir"]
    assert "llamafactory-cli train train_lora_sft.yaml" in done.next_step
    assert done.left_out == 1


def test_preferences_and_ratings_go_along(dataset: Dataset, tmp_path: Path) -> None:
    export(dataset, tmp_path, "llamafactory", QWEN)
    (pair,) = rows(tmp_path / "aeon_dpo.jsonl")
    assert (pair["chosen"]["content"], pair["rejected"]["content"]) == ("É bebida.", "Cara, café é massa, ação pura.")
    assert [row["label"] for row in rows(tmp_path / "aeon_kto.jsonl")] == [False, True]
    assert all(row["messages"][-1]["role"] == "assistant" for row in rows(tmp_path / "aeon_kto.jsonl"))
    assert all(
        row["messages"][-1]["content"] != pair["rejected"]["content"] for row in rows(tmp_path / "aeon_sft.jsonl")
    )


@pytest.mark.parametrize(
    ("base", "template"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "deepseekr1"),
        ("Qwen/Qwen3-4B", "qwen3_nothink"),
        ("google/gemma-3-1b-it", "gemma3"),
        ("meta-llama/Llama-3.2-1B-Instruct", "llama3"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2"),
    ],
)
def test_llamafactory_s_template_follows_the_base_model(base: str, template: str) -> None:
    assert ExportPlan(base_model=base).with_template().template == template


def test_an_unknown_base_model_asks_for_its_template(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"fit x/y\. Say which with --template"):
        export(dataset, tmp_path, "llamafactory", ExportPlan(base_model="x/y"))
    export(dataset, tmp_path, "llamafactory", ExportPlan(base_model="x/y", template="yi"))
    assert yaml.safe_load((tmp_path / "train_lora_sft.yaml").read_text())["template"] == "yi"


def test_axolotl_judges_on_the_held_out_split(dataset: Dataset, tmp_path: Path) -> None:
    export(dataset, tmp_path, "axolotl", QWEN)
    config = yaml.safe_load((tmp_path / "aeon.yaml").read_bytes().decode("ascii"))
    assert config["datasets"][0]["path"] == "./aeon_sft.jsonl"
    assert config["test_datasets"][0]["path"] == "./aeon_heldout.jsonl"
    assert config["datasets"][0]["roles_to_train"] == ["assistant"]
    assert "eot_tokens" not in config
    export(dataset, tmp_path, "axolotl", ExportPlan(base_model="google/gemma-3-1b-it"))
    assert yaml.safe_load((tmp_path / "aeon.yaml").read_text())["eot_tokens"] == ["<end_of_turn>"]


def test_unsloth_s_script_is_python_with_our_recipe(dataset: Dataset, tmp_path: Path) -> None:
    plan = ExportPlan.of("google/gemma-3-1b-it", TrainSection(rank=7, learning_rate=0.003))
    export(dataset, tmp_path, "unsloth", plan)
    tree = ast.parse((tmp_path / "train_unsloth.py").read_text(encoding="utf-8"))
    constants = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)]
    values = {ast.unparse(node.targets[0]): node.value.value for node in constants}
    assert (values["RANK"], values["RATE"], values["BASE"]) == (7, 0.003, "google/gemma-3-1b-it")
    assert (values["QUESTION"], values["REPLY"]) == ("<start_of_turn>user\n", "<start_of_turn>model\n")
    first = next(node for node in tree.body if isinstance(node, ast.ImportFrom))
    assert first.module == "unsloth"


def test_a_plan_takes_what_the_settings_say_and_chooses_the_rest() -> None:
    plan = ExportPlan.of("b", TrainSection(epochs=2, batch_size=6, seed=3, max_length=99))
    assert (plan.epochs, plan.batch_size, plan.micro_batch, plan.seed, plan.max_length) == (2, 6, 2, 3, 99)
    assert plan.learning_rate == 2e-4


@pytest.mark.parametrize("name", FORMATS)
def test_a_machine_without_a_gpu_gets_a_configuration_for_it(dataset: Dataset, tmp_path: Path, name: str) -> None:
    export(dataset, tmp_path, name, ExportPlan(cpu=True))
    text = "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("*.yaml"))
    assert "bf16: true" not in text


def test_an_unknown_format_lists_the_known_ones(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Use one of jsonl, llamafactory, axolotl, unsloth"):
        export(dataset, tmp_path, "alpaca")


def test_a_folder_that_cannot_be_written_is_named(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"cannot be written .* Give a folder"):
        export(dataset, tmp_path / "file", "jsonl")


def test_roles_must_alternate() -> None:
    def talk(*roles: Any) -> bool:
        return alternates([Message(role, "x") for role in roles])

    assert talk("system", "user", "assistant")
    assert talk("user", "assistant", "user", "assistant")
    assert not talk("user", "user", "assistant")
    assert not talk("user")
    assert not talk("system")
    assert not talk("assistant", "user")
    assert not talk("user", "tool", "assistant", "assistant")

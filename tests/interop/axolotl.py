"""Does Axolotl's own configuration schema accept our export?

    python tests/interop/axolotl.py --venv FOLDER

FOLDER is a virtual environment with torch, transformers, datasets and accelerate, and Axolotl itself
(`pip install axolotl`, or `pip install --no-deps axolotl` where its GPU packages do not install: the schema needs
none of them). Axolotl trains on a GPU only, so this is as far as a CPU gets: every key is known, every value is valid.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from aeon_plugin_ft.dataset.export.texts import ExportPlan, axolotl

CHECK = """
import importlib.metadata, sys, yaml
from axolotl.utils.schemas.config import AxolotlInputConfig
from axolotl.utils.schemas.datasets import SFTDataset
for file in sys.argv[1:]:
    config = yaml.safe_load(open(file))
    unknown = set(config) - set(AxolotlInputConfig.model_fields)
    for data in config["datasets"] + config["test_datasets"]:
        unknown |= set(data) - set(SFTDataset.model_fields)
    assert not unknown, unknown
    valid = AxolotlInputConfig(**config)
    assert valid.lora_r == 16 and abs(valid.learning_rate - 2e-4) < 1e-12
print("axolotl", importlib.metadata.version("axolotl"), "accepts", len(sys.argv) - 1, "configurations")
"""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--venv", type=Path, required=True, help="a virtual environment with Axolotl")
    venv = arguments.parse_args().venv.absolute()
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    plans = [
        ExportPlan("Qwen/Qwen2.5-1.5B-Instruct"),
        ExportPlan("google/gemma-3-1b-it", cpu=True),
        ExportPlan("HuggingFaceTB/SmolLM2-135M-Instruct", batch_size=6, epochs=2),
    ]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.yaml" for number in range(len(plans))]
        for file, plan in zip(files, plans, strict=True):
            file.write_text(axolotl(plan, evaluate=True), encoding="ascii")
        return subprocess.run([str(python), "-c", CHECK, *map(str, files)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

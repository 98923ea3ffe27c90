"""Does every call in our Unsloth script fit Unsloth's own functions?

    python tests/interop/unsloth.py --sources FOLDER

FOLDER holds the unpacked packages `unsloth` and `unsloth_zoo` (`pip install --no-deps --target FOLDER unsloth
unsloth_zoo`). Unsloth does not import without a GPU, so its sources are read, not run: each keyword that the script
gives must be a parameter of the function that it calls.
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

from aeon_plugin_ft.dataset.export.texts import ExportPlan, unsloth

HOMES = {
    # The name that our script calls -> where Unsloth defines it, and as what.
    "from_pretrained": ("unsloth/models/loader.py", "from_pretrained"),
    "get_peft_model": ("unsloth/models/llama.py", "get_peft_model"),
    "train_on_responses_only": ("unsloth_zoo/dataset_utils.py", "train_on_responses_only"),
    "save_pretrained_gguf": ("unsloth/save.py", "unsloth_save_pretrained_gguf"),
}


def parameters(file: Path, function: str) -> set[str]:
    """The parameter names of the first function of that name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
    raise SystemExit(f"{file} has no function {function}")


def called(script: str) -> dict[str, set[str]]:
    """Function name to the keywords that the script gives it."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found.setdefault(name, set()).update(keyword.arg for keyword in node.keywords if keyword.arg)
    return found


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sources", type=Path, required=True)
    sources = arguments.parse_args().sources
    calls = called(unsloth(ExportPlan("Qwen/Qwen2.5-1.5B-Instruct")))
    for name, (file, function) in HOMES.items():
        unknown = calls[name] - parameters(sources / file, function)
        if unknown:
            raise SystemExit(f"{function} in {file} does not know {sorted(unknown)}")
        print(f"{function}: {len(calls[name])} keywords known")
    return 0


if __name__ == "__main__":
    sys.exit(main())

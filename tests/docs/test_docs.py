"""The documentation cannot drift: generated pages, links, the README's tree, and nothing that should not be there."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md"), *(REPOSITORY / "samples").glob("*.md")])


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["configuration.md", "cli.md", "hooks.md"])
def test_generated_pages_are_current(page: str) -> None:
    committed = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    assert committed == generator().PAGES[page](), "run: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_in_the_docs_exists(page: Path) -> None:
    from typer.main import get_command

    from aeon_plugin_ft.cli.main import app, load_commands

    load_commands()
    commands = getattr(get_command(app), "commands", {})
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`aeon-ft(?: --\w+ \S+)* ([a-z]+)", text):
        assert name in commands, f"{page.name} names `aeon-ft {name}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_configuration_in_the_docs_can_be_pasted(page: Path) -> None:
    from aeon_plugin_ft.settings.file import parse

    for block in page.read_text(encoding="utf-8").split("```toml\n")[1:]:
        parse(block.partition("```")[0], page)


def spoken_texts() -> Iterator[tuple[str, str]]:
    """(where, text) of every string in the product's code, and of the files with sentences in them."""
    for folder in ("aeon_plugin_ft", "hooks", "core"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{path.relative_to(REPOSITORY)}:{node.lineno}", node.value
        for path in sorted((REPOSITORY / folder).rglob("*.toml")):
            yield str(path.relative_to(REPOSITORY)), path.read_text(encoding="utf-8")


def test_every_command_that_a_message_names_exists() -> None:
    from typer.main import get_command

    from aeon_plugin_ft.cli.main import app, load_commands

    load_commands()
    named = 0
    for where, text in spoken_texts():
        for first, second in re.findall(r"\baeon-ft (?:--\w+ \S+ )*([a-z]+)(?: ([a-z][a-z-]*))?", text):
            commands = getattr(get_command(app), "commands", {})
            assert first in commands, f"{where} names `aeon-ft {first}`"
            inner = getattr(commands[first], "commands", {})
            assert not inner or not second or second in inner, f"{where} names `aeon-ft {first} {second}`"
            named += 1
    assert named > 30


@pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
def test_the_tree_in_the_readme_is_the_tree(readme: str) -> None:
    text = (REPOSITORY / readme).read_text(encoding="utf-8")
    for folder in ("aeon_plugin_ft", "core", "hooks", "tests", "benchmarks", "docs", "samples"):
        assert f"{folder}/" in text, f"{readme} does not show {folder}/"
    for stage in (path.name for path in (REPOSITORY / "aeon_plugin_ft").iterdir() if (path / "__init__.py").exists()):
        assert re.search(rf"\b{stage}/", text), f"{readme} does not show {stage}/"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_benchmark_and_test_named_in_the_docs_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"`(?:python )?((?:benchmarks|tests|docs|samples)/[\w./-]+\.\w+)", text):
        assert (REPOSITORY / target).exists(), f"{page.name} names {target}"

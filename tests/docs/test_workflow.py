"""What the hosted machines run: the two commands of the README, on every system and every Python that we name."""

from __future__ import annotations

import re

import tomlkit
import yaml

from tests.conftest import REPOSITORY

WORKFLOW = REPOSITORY / ".github" / "workflows" / "tests.yml"


def test_the_workflow_runs_the_two_commands_of_the_readme_and_nothing_else() -> None:
    job = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["tests"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["python dev.py demo", "python dev.py test"]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert all(re.search(rf"^ +{re.escape(command)}\b", readme, re.MULTILINE) for command in commands)
    actions = [step["uses"].split("@")[0] for step in job["steps"] if "uses" in step]
    assert actions == ["actions/checkout", "actions/setup-python"]


def test_it_runs_on_every_system_and_every_python() -> None:
    job = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["tests"]
    matrix = job["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "windows", "macos"}
    assert matrix["python"] == ["3.10", "3.11", "3.12", "3.13", "3.14"], "in quotes: 3.10 is a number that ends in 1"
    project = tomlkit.parse((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={matrix['python'][0]}"
    assert job["runs-on"] == "${{ matrix.os }}" and not job["strategy"]["fail-fast"]

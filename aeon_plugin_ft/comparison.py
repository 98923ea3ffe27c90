"""One model, served for some questions: how the command line and the page compare two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from aeon_plugin_ft.causes import Doing, LoopPhase
from aeon_plugin_ft.errors import PreemptedError
from aeon_plugin_ft.evaluation.suites import answers
from aeon_plugin_ft.judge import asked
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.serving.backends import deploy_judged
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.wiring import Basis

_say = Speaker("errors/loop")


def ask_model(
    basis: Basis, pipeline: Pipeline, name: str, questions: Sequence[str], on_reply: Callable[[str], object]
) -> None:
    """Serve a version, or the base, and put every question to it, greedy, under the prompt that the brain sends; each
    reply goes to `on_reply`. Raises ServingError, and PreemptedError where the pipeline's `interrupt` says so."""
    version = None if name == BASE else pipeline.registry.get(name)
    base = pipeline.base() if version is None else pipeline.base(version.base)
    pipeline.on_phase(Doing(LoopPhase.ASKING, name, len(questions)))
    deployer, serve = basis.backends.chosen(), basis.settings_file.current.serve
    deployment = deploy_judged(serve.backend, deployer, DeploymentTable(basis.store), version, base, serve)
    try:
        for question in questions:
            cause = pipeline.interrupt()
            if cause is not None:
                raise PreemptedError(_say("doing.asking", name=name), cause)
            on_reply(answers(partial(asked, deployment.route), pipeline.system_prompt(), [question])[0])
    finally:
        deployer.retire(deployment, serve)

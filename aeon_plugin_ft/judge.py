"""One trained adapter, measured and decided: losses in a child, replies from what will really serve.

A candidate that cannot be served is refused. Where something else cannot be measured (the backend is
offline, the base does not load) nothing is decided: the run stays, unjudged, and can be judged later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import Doing, Interrupt, LoopPhase, OnPhase
from aeon_plugin_ft.dataset.frozen import read_messages
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import AeonFtError, PreemptedError, ServingError
from aeon_plugin_ft.evaluation.asking import Chat, Reply
from aeon_plugin_ft.evaluation.exam import ExamQuestion, ExamResult, ask_exam, learnt
from aeon_plugin_ft.evaluation.gate import gate
from aeon_plugin_ft.evaluation.heldout import measure_losses
from aeon_plugin_ft.evaluation.model import HeldoutLoss, Verdict
from aeon_plugin_ft.evaluation.probes import GENERAL, HELDOUT, MISMATCHED, write_sets
from aeon_plugin_ft.evaluation.report.collect import Candidate, collect
from aeon_plugin_ft.evaluation.secrets import NEVER, PROBES, Planted, SecretsResult, ask_for_secrets, planted
from aeon_plugin_ft.evaluation.standard import Standard, standard_of
from aeon_plugin_ft.evaluation.suites import CHAT_PROMPTS, TOOL_PROMPTS, SuiteResult, run_suites
from aeon_plugin_ft.evaluation.today import Today
from aeon_plugin_ft.events import VerdictReached
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.registry import BASE, Registry, Version, VersionState
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.backends import deploy_judged, deployer_named
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.serving.discarding import discard
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.settings import ServeSection, Settings
from aeon_plugin_ft.store.seal import seal
from aeon_plugin_ft.training.model import Run
from aeon_plugin_ft.training.runs import RunConfig
from hooks import Message, Route

_say = Speaker("errors/loop")

log = logging.getLogger("aeon_ft.judge")

QUESTIONS = len(TOOL_PROMPTS) + len(CHAT_PROMPTS)

MakeExam = Callable[[Dataset, int], Sequence[ExamQuestion]]
"""At most so many questions about what the dataset teaches of what the owner told, and about what they never told; none
where nothing was told."""
AskToday = Callable[[Sequence[str], str, Sequence[ExamQuestion], Standard], Today | None]
"""What answers the owner today and how it does at the same questions: `serving.today.AsksToday.compared`."""


@dataclass
class Measured:
    """Everything that the gate decides on."""

    losses: dict[str, dict[str, HeldoutLoss]] = field(default_factory=dict)
    suites: dict[str, SuiteResult] = field(default_factory=dict)
    exams: dict[str, ExamResult] = field(default_factory=dict)
    secrets: SecretsResult | None = None
    today: Today | None = None
    missing: dict[str, str] = field(default_factory=dict)
    served: Deployment | None = None

    @property
    def digest(self) -> str:
        """What the backend calls the weights that it served; "" where it served none."""
        return "" if self.served is None else self.served.digest

    def proof(self) -> dict[str, Any]:
        """How the candidate was served, and how faithfully: for the version's manifest."""
        if self.served is None:
            return {}
        return {"backend": self.served.backend, "digest": self.served.digest, **self.served.proof}


@dataclass(frozen=True, slots=True)
class Questions:
    """What each model is asked: under the prompt that is served, the exam, and what its replies are held to."""

    prompt: str
    exam: Sequence[ExamQuestion]
    standard: Standard


class Judge:
    """Judges runs of one data folder. `on_phase` hears what is being done; `interrupt` is asked while
    a model answers and while a child measures: a cause to stop, or None. `exam` makes the questions about what the
    owner told, `today` asks what answers the owner now; without them there is no exam and no such comparison."""

    def __init__(
        self,
        registry: Registry,
        settings: Callable[[], Settings],
        deployers: Mapping[str, Deployer],
        on_phase: OnPhase,
        interrupt: Interrupt = lambda: None,
        exam: MakeExam = lambda *_: (),
        today: AskToday = lambda *_: None,
        tools: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.tools = tools
        self.exam, self.today = exam, today
        self.registry, self.settings, self.deployers, self.on_phase = registry, settings, deployers, on_phase
        self.interrupt = interrupt
        self._table = DeploymentTable(registry.store)

    def judge(self, run: Run, base: BaseModel, dataset: Dataset) -> Version:
        """The run's version, accepted or rejected. Raises AeonFtError when it cannot be judged now, PreemptedError
        when the machine is wanted."""
        name, current = self.registry.next_name(), self._comparable(base)
        # Before anything is measured: what is registered must be what this verdict is about.
        sealed = seal(run.adapter)
        measured = Measured()
        # Losses before replies: they need no server, and the answers take longest.
        self._measure_losses(measured, run, base, dataset, name, current)
        questions = Questions(
            served_prompt(dataset),
            self.exam(dataset, self.settings().gate.exam_questions),
            standard_of(dataset, self.tools()),
        )
        self._measure_replies(measured, run, base, dataset, name, current, questions)
        verdict = gate(
            measured.losses[HELDOUT],
            measured.suites,
            self.settings().gate,
            candidate=name,
            current=current,
            mismatched=measured.losses[MISMATCHED],
            general=measured.losses[GENERAL],
            secrets=measured.secrets,
            exams=measured.exams,
            questions=len(questions.exam),
            today=measured.today,
            must_win=must_win(self.settings().serve),
            missing=measured.missing,
        )
        candidate = Candidate(name, current, run, dataset, base, measured.digest, measured.proof())
        version = self.registry.create(
            run=run.id,
            adapter=run.adapter,
            dataset=dataset.hash,
            base=base.spec,
            base_digest=base.digest,
            verdict=verdict,
            parent=parent_of(run),
            report=collect(candidate, verdict, measured.losses, measured.suites, measured.exams, measured.today),
            judged=sealed,
        )
        # What the backend was given to judge it by is never asked for again.
        if version.state is VersionState.REJECTED:
            discard([version.name], self.deployers, self.settings().serve, self._table)
        return version

    def _comparable(self, base: BaseModel) -> str:
        """The version in use; the base when that was trained on another base and cannot be measured with it."""
        current = self.registry.current()
        same = current != BASE and self.registry.get(current).base_digest == base.digest
        return current if same else BASE

    def _measure_losses(
        self, measured: Measured, run: Run, base: BaseModel, dataset: Dataset, name: str, current: str
    ) -> None:
        """Base, candidate and the version in use on every set, in one child process."""
        self.on_phase(Doing(LoopPhase.MEASURING))
        adapters: dict[str, Path | None] = {BASE: None, name: run.adapter}
        if current != BASE:
            adapters[current] = self.registry.get(current).adapter
        work = run.folder / "heldout"
        measured.losses = measure_losses(base, write_sets(dataset, work), adapters, work, interrupt=self.interrupt)

    def _measure_replies(
        self,
        measured: Measured,
        run: Run,
        base: BaseModel,
        dataset: Dataset,
        name: str,
        current: str,
        questions: Questions,
    ) -> None:
        """Serve each model as the brain would get it and put the questions to it."""
        # One after the other, never two at once: the memory holds one model beside what already serves.
        self._suite(measured, BASE, None, base, questions, with_exam=current == BASE)
        if current != BASE:
            self._suite(measured, current, self.registry.get(current), base, questions)
        candidate = _unjudged(name, run, dataset, base)

        def for_secrets(chat: Chat) -> None:
            self.on_phase(Doing(LoopPhase.ASKING_FOR_SECRETS, name, len(PROBES)))
            measured.secrets = ask_for_secrets(chat, questions.prompt, self._secrets(dataset))

        try:
            measured.served = self._suite(measured, name, candidate, base, questions, more=for_secrets)
        except ServingError as error:
            # The backend is in trouble, not the candidate: judged later. Otherwise it cannot be served, which is a
            # verdict.
            if error.retryable:
                raise
            measured.missing[name] = str(error)
        self._measure_today(measured, name, current, questions)

    def _measure_today(self, measured: Measured, name: str, current: str, questions: Questions) -> None:
        """Last, and only for a candidate that was served: it may cost the owner's quota at a cloud."""
        if name in measured.suites:
            baselines = list(dict.fromkeys((BASE, current)))
            measured.today = self.today(baselines, questions.prompt, questions.exam, questions.standard)

    def _suite(
        self,
        measured: Measured,
        name: str,
        version: Version | None,
        base: BaseModel,
        questions: Questions,
        *,
        with_exam: bool = True,
        more: Callable[[Chat], None] = lambda _: None,
    ) -> Deployment:
        """Questions to one model; returns what served it."""
        self.on_phase(Doing(LoopPhase.ASKING, name, QUESTIONS))
        self._stop_if_wanted()
        serve = self.settings().serve
        deployer = deployer_named(serve.backend, self.deployers)
        deployment = deploy_judged(serve.backend, deployer, self._table, version, base, serve)
        try:
            # Nobody else asks it: it serves for the judge alone.
            chat, at_once = partial(self._asked, deployment.route), deployment.at_once
            measured.suites[name] = run_suites(chat, questions.prompt, standard=questions.standard, at_once=at_once)
            if with_exam and questions.exam:
                self.on_phase(Doing(LoopPhase.EXAMINING, name, len(questions.exam)))
                measured.exams[name] = ask_exam(chat, questions.prompt, questions.exam, at_once)
            more(chat)
        finally:
            deployer.retire(deployment, serve)
        return deployment

    def _asked(self, route: Route, messages: Sequence[Message], max_tokens: int) -> Reply:
        self._stop_if_wanted()
        return Reply(*ask(route, messages, max_tokens, interrupt=self.interrupt))

    def _stop_if_wanted(self) -> None:
        cause = self.interrupt()
        if cause is not None:
            raise PreemptedError(_say("doing.judging"), cause)

    def _secrets(self, dataset: Dataset) -> tuple[Planted, ...]:
        privacy = self.settings().privacy
        find = Redactor("redact", privacy.terms).find
        return planted(dataset, find, NEVER if privacy.mode == "keep" else None)


def asked(route: Route, messages: Sequence[Message], max_tokens: int) -> Reply:
    """One greedy reply of a served model."""
    return Reply(*ask(route, messages, max_tokens))


def served_prompt(dataset: Dataset) -> str:
    """The system prompt of the held-out conversations; "" when they have none."""
    first = read_messages(dataset.heldout_file)[0][0]
    return first.content if first.role == "system" else ""


def must_win(serve: ServeSection) -> bool:
    """Whether a model that is no better than what answers today is refused: where the better one is to answer. An owner
    who wants the trained model always, or only while nothing else answers, gets it all the same, above the floors."""
    return serve.prefer not in {"always", "offline"}


def why_unjudged(error: AeonFtError) -> str:
    """For people, when a run could not be judged; the cause is Refusal.UNMEASURED."""
    return _say("judging.unmeasured", reason=error.what)


def parent_of(run: Run) -> str | None:
    """The version whose adapter the run went on from; None when it started from the base."""
    adapter = RunConfig.read(run.folder).parent
    return None if adapter is None else adapter.parent.name


def _unjudged(name: str, run: Run, dataset: Dataset, base: BaseModel) -> Version:
    """The run's adapter as the version it will be if it is accepted."""
    return Version(
        name=name,
        folder=run.folder,
        run=run.id,
        dataset=dataset.hash,
        base=base.spec,
        base_digest=base.digest,
        parent=parent_of(run),
        created=time.time(),
        verdict=Verdict(False, (), {}),
        state=VersionState.CANDIDATE,
    )


def verdict_reached(run: Run, version: Version) -> VerdictReached:
    """The news of a verdict, with the counts of its exam."""
    verdict, counts = version.verdict, learnt(version.verdict.numbers, version.name)
    return VerdictReached(
        run=run.id,
        version=version.name,
        accepted=verdict.accepted,
        refusals=verdict.refusals,
        reasons=verdict.reasons,
        told=counts.told if counts else 0,
        known=counts.known if counts else 0,
        known_before=counts.before if counts else 0,
        invented=counts.invented if counts else 0,
    )

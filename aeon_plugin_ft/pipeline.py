"""The loop on one screen: turn -> log -> dataset -> run -> adapter -> verdict -> version -> route.

Every step is one call on one stage and leaves its result on disk, so the loop can stop anywhere and go
on later: a dataset is frozen, a run resumes, a version is immutable. It runs in the host's supervising
thread or in the command line; the heavy work is always in child processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from aeon_plugin_ft import events as happened
from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import Doing, Interrupt, LoopPhase, OnPhase, PromotionCause, Refusal, Trouble
from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.feedback.opinions import load_feedback, note_feedback, recognise_feedback
from aeon_plugin_ft.dataset.frozen import freeze, load_dataset, trained_turns
from aeon_plugin_ft.dataset.model import Dataset, Draft
from aeon_plugin_ft.dataset.served import HostPrompt, keep_served_prompt, refuse_mixed, served_prompt
from aeon_plugin_ft.errors import (
    AeonFtError,
    AlreadyLearntError,
    BaseModelError,
    DatasetError,
    PreemptedError,
    RegistryError,
)
from aeon_plugin_ft.evaluation.host_tools import host_tools
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.extensions import Extensions
from aeon_plugin_ft.extras import require_trainer
from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.judge import Judge, MakeExam, verdict_reached, why_unjudged
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.processes.awake import kept_awake
from aeon_plugin_ft.registry import BASE, Registry, Version, VersionState
from aeon_plugin_ft.registry.canaries import begin_canary
from aeon_plugin_ft.registry.retention import PrunePlan, Retention
from aeon_plugin_ft.remembering import read_facts
from aeon_plugin_ft.schedule.conditions import in_quiet_hours
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.serving.discarding import discard
from aeon_plugin_ft.serving.model import Deployer
from aeon_plugin_ft.serving.today import AsksToday
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.teaching import examine, teach
from aeon_plugin_ft.training.automatic import AUTO, automatic_base
from aeon_plugin_ft.training.continual import Parent, Start, choose_start
from aeon_plugin_ft.training.estimating import estimate, preflight, unmeasured
from aeon_plugin_ft.training.lease import learning
from aeon_plugin_ft.training.model import Estimate, Recipe, Run, RunState
from aeon_plugin_ft.training.places.choosing import choose_place
from aeon_plugin_ft.training.places.where import HERE
from aeon_plugin_ft.training.recipe import make_recipe
from aeon_plugin_ft.training.runs import UNJUDGED, RunConfig, create_run, learnt_before, resume_run
from aeon_plugin_ft.training.staying import OnProgress, interrupt_for, stay_with
from aeon_plugin_ft.training.table import get_run, latest_run, runs_in
from aeon_plugin_ft.turns import TurnIndex

_say = Speaker("errors/loop")

RunPlan = tuple[BaseModel, Recipe, Estimate]


P = ParamSpec("P")
T = TypeVar("T")


def _learns(method: Callable[Concatenate[Pipeline, P], T]) -> Callable[Concatenate[Pipeline, P], T]:
    """A step of learning, which one process takes at a time, from the first measurement to the promotion. Raises
    LeaseHeldError, too."""

    @wraps(method)
    def alone(self: Pipeline, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with learning(self.store):
            return method(self, *args, **kwargs)

    return alone


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a run: its version, whether that was put into use (False: refused, or a canary first), and what was
    deleted to stay below the disk's cap."""

    version: Version
    in_use: bool
    pruned: PrunePlan


class Pipeline:
    """One turn of the learning loop after another, for one data folder.

    `settings` is read anew at each step, so that an edit of plugin.toml counts at once. `deployers`
    gives them by the names of [serve] backend; whoever made them closes them. `on_phase` hears what is being done.
    `interrupt` is asked while a child trains or measures, and between the judge's questions: why to leave, or None.
    `extensions` are what other plugins add; `exam` makes questions about what the owner told (None: from the book).
    `host_prompt` reads the system prompt of a host that has not been started yet.
    """

    def __init__(
        self,
        data: DataFolder,
        settings: Callable[[], Settings],
        store: Store,
        events: EventBus,
        deployers: Callable[[], Mapping[str, Deployer]],
        on_phase: OnPhase = lambda _: None,
        interrupt: Interrupt = lambda: None,
        extensions: Extensions | None = None,
        book: FactBook | None = None,
        exam: MakeExam | None = None,
        host_prompt: Callable[[], HostPrompt | None] = lambda: None,
    ) -> None:
        self.host_prompt = host_prompt
        self.exam = exam or (lambda dataset, most: examine(dataset, self.book.every(), self.index.turns, most))
        self.data, self.settings, self.store, self.events = data, settings, store, events
        self.deployers, self.on_phase, self.interrupt = deployers, on_phase, interrupt
        self.extensions = extensions or Extensions.built_in()
        self.registry = Registry(data, store)
        self.index = TurnIndex(store, data.log)
        self.book = book or FactBook(store)

    @_learns
    def learn(self, on_progress: OnProgress | None = None) -> Version:
        """Everything, once. Raises AeonFtError at the first step that cannot be done, AlreadyLearntError when a run
        would learn nothing that an earlier one has not."""
        require_trainer()
        dataset = self.freeze()
        base, recipe = self.recipe(dataset)
        # After the recipe: the same data under another rank or base is something to learn.
        before = learnt_before(self.store, self.data, dataset, base, recipe)
        if before is not None:
            raise AlreadyLearntError(dataset.hash, before)
        return self.settle(self.train(dataset, on_progress)).version

    @_learns
    def go_on(self, run_id: str, on_progress: OnProgress | None = None) -> Version:
        """The rest of a turn of the loop that was left: of the training, or only of the judging."""
        row = get_run(self.store, run_id)
        trained = row is not None and row.state is RunState.FINISHED
        return self.settle(row.run if row is not None and trained else self.resume(run_id, on_progress)).version

    @_learns
    def settle(self, run: Run) -> Settled:
        """Judge what was trained, use it if it is better, keep the disk below its cap. For every way to a verdict: the
        schedule's, the owner's voice and the command line.

        Until there is a verdict the store says that this run waits for one, so that the schedule judges it later.
        An older run that is judged by hand takes no other's place there.
        """
        newest = latest_run(self.store)
        if self.store.fact(UNJUDGED) is None or (newest is not None and newest.id == run.id):
            self.store.set_fact(UNJUDGED, run.id)
        # The fact stays where judging raises or the process dies: that is what it is for.
        version = self.judge(run)
        if self.store.fact(UNJUDGED) == run.id:
            self.store.set_fact(UNJUDGED, None)
        in_use = version.state is VersionState.ACCEPTED and self.promote(version)
        return Settled(version, in_use, self.prune())

    # -- turn -> dataset -----------------------------------------------------------------------

    def draft(self) -> Draft:
        """What the log gives now: examples on both sides of the split, and what was left out and why."""
        self.index.ingest()
        keep_served_prompt(self.store, self.index, self.host_prompt)
        settings = self.settings()
        note_feedback(self.store, recognise_feedback(self.index.turns(), settings.dataset.chat_feedback))
        read_facts(self.book, self.store, self.index)
        feedback = load_feedback(self.store)
        draft = build_draft(
            self.index.turns(),
            settings.dataset,
            system_prompt=self.system_prompt(),
            feedback=feedback,
            filters=self.extensions.filters,
            max_length=settings.train.max_length,
            gap_minutes=settings.log.session_gap_minutes,
            trained=self._trained(),
        )
        if not settings.memory.learn:
            return draft
        disputed = {turn for turn, one in feedback.items() if one.kind in {"complaint", "correction", "drop"}}
        facts = self.book.every()
        return teach(draft, facts, self.index.turns, disputed, settings.memory.wordings, self.system_prompt())

    def _trained(self) -> set[str]:
        """The turns that any training has learnt from, as far as its dataset is still there."""
        begun = {row.dataset for row in runs_in(self.store, set(RunState)) if row.step > 0}
        return trained_turns(self.data.datasets / dataset for dataset in sorted(begun))

    def freeze(self, draft: Draft | None = None) -> Dataset:
        """The draft as an immutable dataset. Raises DatasetError when there is nothing to learn from."""
        draft = draft or self.draft()
        if not draft.train or not draft.heldout:
            counts = {"train": len(draft.train), "heldout": len(draft.heldout), "dropped": len(draft.dropped)}
            raise DatasetError(*_say.error("training.nothing_yet", **counts))
        refuse_mixed(draft)
        dataset = freeze(draft, self.data, self.store)
        self.events.publish(
            happened.DatasetFrozen(
                dataset=dataset.hash, train=dataset.train, heldout=dataset.heldout, dropped=dataset.dropped
            )
        )
        return dataset

    def system_prompt(self) -> str:
        """The newest one that was served to a model; before that what the host will serve, "" where none is known."""
        return served_prompt(self.store)

    # -- dataset -> run ------------------------------------------------------------------------

    def base(self, spec: str | None = None) -> BaseModel:
        """The base model of [base] model, or of another name; made ready on first use."""
        settings = self.settings()
        model = spec or settings.base.model
        if model == AUTO:
            model = automatic_base(self.index, settings.serve.ollama_url, lambda name: self.registry.get(name).base)
        return resolve_base(model, self.data.cache / "base", self._base_detail, settings.serve.ollama_url)

    def base_of(self, run: Run) -> BaseModel:
        """The base that a run was trained on, whatever [base] model names by now. Raises BaseModelError where it is not
        the same any more: an adapter belongs to the weights that it was trained on."""
        trained_on = RunConfig.read(run.folder).base
        base = self.base(trained_on.spec)
        if base.digest != trained_on.digest:
            raise BaseModelError(*_say.error("training.other_weights", base=trained_on.spec, run=run.id))
        return base

    def _base_detail(self, text: str) -> None:
        self.on_phase(Doing(LoopPhase.PREPARING_BASE, detail=text))

    @_learns
    def plan(self, dataset: Dataset) -> RunPlan:
        """What a run would do and take on this machine; nothing is started."""
        require_trainer()
        base, recipe = self.recipe(dataset)
        if self.place() != HERE:
            return base, recipe, unmeasured(recipe, base)
        self.on_phase(Doing(LoopPhase.TIMING_A_STEP))
        return base, recipe, estimate(base, dataset, recipe, self.data, self.interrupt)

    def recipe(self, dataset: Dataset) -> tuple[BaseModel, Recipe]:
        """The base and every number of a run on this dataset."""
        base = self.base()
        return base, make_recipe(self.settings().train, base.parameters, self.start_of(dataset, base).survey)

    @_learns
    def train(self, dataset: Dataset, on_progress: OnProgress | None = None, plan: RunPlan | None = None) -> Run:
        """A new run to its end. Raises RefusedError before it starts, TrainingError when it does not finish."""
        base, recipe, cost = plan or self.plan(dataset)
        preflight(cost, self.data)
        # Asked again: the estimate may have taken minutes, in which another version came into use.
        start = self.start_of(dataset, base)
        run = create_run(
            self.data, self.store, base, dataset, recipe, start.parent, new=start.new, generation=start.generation
        )
        self.events.publish(happened.RunStarted(run=run.id, dataset=dataset.hash, estimated_seconds=cost.seconds))
        return self.supervise(run, on_progress)

    def start_of(self, dataset: Dataset, base: BaseModel) -> Start:
        """Whether a run on this dataset starts from the base or goes on from the version in use, and why."""
        name, current = self.registry.current(), None
        if name != BASE:
            version = self.registry.get(name)
            current = Parent(version.adapter, self.data.runs / version.run)
        return choose_start(self.settings().train, dataset, base.digest, current)

    @_learns
    def resume(self, run_id: str, on_progress: OnProgress | None = None) -> Run:
        """Go on with a run that was paused or interrupted, to the same result."""
        require_trainer()
        return self.supervise(resume_run(run_id, self.data, self.store), on_progress)

    def supervise(self, run: Run, on_progress: OnProgress | None = None) -> Run:
        """Start the worker and stay with it to its end (training.staying). Raises TrainingError when it does not
        finish."""
        where = self.place(run.id)
        leave = interrupt_for(where, self.interrupt)
        return stay_with(run, self.data, self.store, self.events, leave, on_progress, where)

    def place(self, run: str = "") -> str:
        """Where a run would train now. Raises NoConsentError, PlaceBusyError."""
        settings = self.settings()
        now = datetime.fromtimestamp(self.store.clock()).time()
        quiet = in_quiet_hours(settings.schedule.quiet_hours, now)
        return choose_place(settings.train, self.store, run, quiet=quiet)

    # -- run -> verdict -> version -------------------------------------------------------------

    def judge(self, run: Run) -> Version:
        """Measure the adapter held-out and as served, decide, and register it either way.

        Raises AeonFtError, and registers nothing, when it cannot be measured now (a backend that is offline).
        """
        try:
            with kept_awake():
                version = self._judge().judge(run, self.base_of(run), self._dataset_of(run))
        except PreemptedError:
            raise  # nothing is wrong with it: it is judged later
        except AeonFtError as error:
            refusals, reasons = (Refusal.UNMEASURED,), (why_unjudged(error),)
            self.events.publish(
                happened.VerdictReached(run=run.id, version=None, accepted=False, refusals=refusals, reasons=reasons)
            )
            raise
        self.events.publish(verdict_reached(run, version))
        return version

    def _judge(self) -> Judge:
        # The index as the log stands: who answered the newest turn is what answers today.
        self.index.ingest()
        today = AsksToday(self.store, self.index, self.settings, self.interrupt).compared
        return Judge(
            self.registry, self.settings, self.deployers(), self.on_phase, self.interrupt, self.exam, today, self._tools
        )

    def _tools(self) -> frozenset[str]:
        """The tools of the host whose folder the data lie in; none are known anywhere else."""
        return host_tools(self.data.host) if self.data.host is not None else frozenset()

    def unjudged(self) -> Run | None:
        """The newest finished run that has no verdict yet (it could not be measured then)."""
        finished = (row.run for row in runs_in(self.store, {RunState.FINISHED}))
        return next((run for run in finished if run.adapter.exists() and not self.registry.version_of(run.id)), None)

    def _dataset_of(self, run: Run) -> Dataset:
        row = get_run(self.store, run.id)
        if row is None or not run.adapter.exists():
            raise RegistryError(*_say.error("training.no_adapter", run=run.id))
        return load_dataset(self.data.datasets / row.dataset)

    # -- version -> route ----------------------------------------------------------------------

    def promote(self, version: Version) -> bool:
        """Put an accepted version into use; a running host sees it in the store and swaps.

        With [gate] canary_share it answers that share of the sessions first (False: it does not answer all yet).
        """
        settings = self.settings().gate
        if settings.canary_share and self.registry.usable(version.name):
            baseline = self.registry.current()
            begin_canary(self.store, version.name, baseline, settings.canary_share, settings.canary_turns)
            return False
        self.registry.promote(version.name, PromotionCause.BETTER)
        return True

    def unpromoted(self, before: float) -> Version | None:
        """The newest version, where it was accepted, made before that moment (seconds since the epoch), and a crash
        came before it was put into use."""
        name = self.registry.left_unpromoted(before)
        return None if name is None else self.registry.get(name)

    # -- keeping house -------------------------------------------------------------------------

    def retention(self) -> Retention:
        """What keeps the data folder below its cap, by the settings of now."""
        settings = self.settings()
        return Retention(
            self.data,
            self.store,
            cap_bytes=settings.plugin.disk_cap_gb * 1e9,
            keep_versions=settings.serve.keep_versions,
        )

    def prune(self) -> PrunePlan:
        """Delete what the disk cap and [serve] keep_versions leave no room for, also at every backend that was given
        it; what went. A backend that was offline when a version went is asked again."""
        retention, table = self.retention(), DeploymentTable(self.store)
        plan = retention.plan()
        # The disk first: a backend that is offline keeps its copies until the next pruning.
        gone = retention.carry_out(plan)
        owed = [version for version in table.versions() if self.registry.was_removed(version)]
        if gone or owed:
            discard(dict.fromkeys((*gone, *owed)), self.deployers(), self.settings().serve, table)
        if not plan.fits:
            sizes = {"cap": f"{plan.cap / 1e9:g}", "left": decimal(plan.left / 1e9, 1)}
            what, todo = _say.error("disk.cap", **sizes)
            self.events.publish(happened.AttentionNeeded(trouble=Trouble.DISK, what=what, todo=todo))
        return plan

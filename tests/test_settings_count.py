"""Each key of plugin.toml, saved while a host runs, counts in the part that uses it.

`EFFECTS` says for each key what is looked at, and what is seen before and after the file was saved; `ELSEWHERE` names
the test that shows it for keys whose effect needs a backend, a verdict or a watched model. No key needs a restart; a
key that ever does must say "from the next start" in its description, and be listed here with that.
"""

from __future__ import annotations

import ast
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import Trouble
from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.dataset.lessons import LESSON
from aeon_plugin_ft.events import AttentionNeeded
from aeon_plugin_ft.facts.relevant import RelevantFacts
from aeon_plugin_ft.host.standing import Standing
from aeon_plugin_ft.messages import Language, language
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.settings import ServeSection, all_keys, parse, toml_value
from aeon_plugin_ft.training.model import Estimate, Recipe
from aeon_plugin_ft.training.recipe import physical_cores
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.turns.model import TurnKind
from hooks import Message, Route, Turn
from tests.conftest import REPOSITORY
from tests.facts.known import WORLD, Book, say
from tests.flow.owner import BACKENDS, Owner, eventually

CPF = "529.982.247-25"
SECRET_NAME = "Paçoca"
TURNS = 300
EVERYTHING = {"dataset.near_duplicate": 1.0, "dataset.topic_share": 1.0}
"""Nothing is left out for being like the others."""


class Bench:
    """A stand-in for the machine: somebody left it 5 minutes ago, on battery, and a game runs."""

    idle_source = "the test"

    def idle(self) -> float | None:
        return 300.0

    def on_mains(self) -> bool:
        return False

    def busy_share(self) -> float:
        return 0.6

    def free_memory(self) -> int:
        return 10**12


class House:
    """A running host whose owner edits plugin.toml."""

    def __init__(self, folder: Path, bases: list[str]) -> None:
        self.owner, self.bases = Owner(folder / "data"), bases
        self.runtime: Runtime = self.owner.start()
        self.elsewhere = Context(folder / "elsewhere", None, False)
        self.runtime.observer.machine = Bench()
        self.runtime.learning.silence = lambda: 1e6  # type: ignore[method-assign]
        self.runtime.learning.scheduler.stop()
        for number in range(TURNS):
            self.runtime.log.append(talk(number), TurnKind.CHAT)
        self.runtime.log.append(talk(TURNS, "que horas são", "São 10:30."), TurnKind.CANNED)
        self.runtime.log.append(talk(TURNS + 1, "tudo certo com você hoje, meu caro?", "Certo."), TurnKind.CHAT)
        eventually(lambda: self.runtime.index.count(None) == TURNS + 2)
        self.save(EVERYTHING)
        self.dataset = self.runtime.pipeline.freeze()

    def save(self, changes: Mapping[str, Any]) -> None:
        """Save a whole file with these keys, as an editor does, and have the host look."""
        text = "\n".join(f"{key} = {toml_value(value)}" for key, value in changes.items())
        path = self.runtime.data.settings
        path.write_text(text + f"\n# {time.time_ns()}\n", encoding="utf-8")
        self.elsewhere.data.settings.write_text(text + "\n", encoding="utf-8")
        self.elsewhere.settings_file.reload()
        self.runtime.follow_now()
        eventually(lambda: self.runtime.settings == parse(text, path))


def talk(number: int, asked: str = "", reply: str = "") -> Turn:
    """Turns of one subject and of many, 45 minutes apart, some of them nearly alike; four are a conversation."""
    words = [f"palavra{number * 7 % 301}", f"coisa{number * 11 % 293}", f"jeito{number * 13 % 283}"]
    if not asked and number % 3 == 0:
        asked = f"coloca um timer de {number + 3} minutos por favor"
    elif not asked and number % 10 == 1:
        part = chr(97 + number // 10 % 26) * 2
        asked = f"me explica com calma como é que funciona o motor de um carro velho, parte {part}"
    asked = asked or f"o que você acha de {' e '.join(words)} aqui em casa?"
    reply = reply or f"Cara, eu acho que {words[2]} combina com {words[0]}, mas depende muito de {words[1]} mesmo."
    return Turn(
        id=f"{number:032x}",
        session=f"s{number // 4}",
        started_at=1_700_000_000.0 + number * 45 * 60,
        seconds=0.5,
        caller="chat",
        mode="conversa",
        prompt=asked,
        messages=(Message("system", "Você é AEON."), Message("user", asked)),
        reply=reply,
        served_by=None,
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    bases: list[str] = []

    def resolve(spec: str, *_: Any) -> BaseModel:
        bases.append(spec)
        return BaseModel(spec, "sha256:0", "llama", 1, Path(), None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aeon_plugin_ft.pipeline.resolve_base", resolve)
        patch.setattr("aeon_plugin_ft.serving.backends._embedded", lambda *_: BACKENDS["embedded"])
        patch.setattr("aeon_plugin_ft.runtime.make_relevant_facts", lambda _: RelevantFacts(Book(list(WORLD)), say))
        made = House(tmp_path_factory.mktemp("settings"), bases)
        yield made
        made.owner.caller.all("aeon_stopping")
        made.elsewhere.close()


# -- what is looked at -------------------------------------------------------------------------


def examples(house: House) -> int:
    draft = house.runtime.pipeline.draft()
    return len(draft.train) + len(draft.heldout)


def judged_between_people(house: House) -> bool:
    """Whether what somebody says to a friend's message is taken for a judgement."""
    file = house.runtime.data.root / "chat.txt"
    chat = ("Rui: qual a capital?", "Bia: Brasília, cara.", "Rui: muito boa essa resposta", "Bia: valeu.")
    file.write_text("".join(f"12/03/2024 14:0{n} - {line}\n" for n, line in enumerate(chat)), encoding="utf-8")
    pipeline = house.runtime.pipeline
    import_into_log(file, house.runtime.data, pipeline.store, house.runtime.settings, owner="Rui")
    pipeline.draft()
    turns = {turn.id for turn in pipeline.index.turns() if turn.source == "whatsapp"}
    return any(row["turn"] in turns for row in pipeline.store.rows("SELECT turn FROM feedback"))


def heldout(house: House) -> int:
    return len(house.runtime.pipeline.draft().heldout)


def history(house: House) -> int:
    """Messages of the longest example."""
    return max(len(example.messages) for example in house.runtime.pipeline.draft().train)


def dropped(filter: str) -> Callable[[House], bool]:
    return lambda house: any(one.filter == filter for one in house.runtime.pipeline.draft().dropped)


def worker(field: str) -> Callable[[House], Any]:
    """What the worker of a new run finds in its folder."""

    def look(house: House) -> Any:
        recipe = order_of(house)
        return getattr(recipe, field)

    return look


def order_of(house: House) -> Recipe:
    pipeline = house.runtime.pipeline
    base, recipe = pipeline.recipe(house.dataset)
    cost = Estimate(seconds=1.0, ram_bytes=1, disk_bytes=1, steps=recipe.steps, step_seconds=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aeon_plugin_ft.pipeline.preflight", lambda *_: None)
        patch.setattr(pipeline, "supervise", lambda run, on_progress: run)
        run = pipeline.train(house.dataset, plan=(base, recipe, cost))
    house.runtime.store.execute("DELETE FROM runs WHERE id = ?", run.id)
    return RunConfig.read(run.folder).recipe


def tracker(house: House) -> str:
    """Where the numbers go, also where the package is not installed here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: name)
        return order_of(house).report_to


def start(house: House) -> str:
    """Why the next run begins where it does, with a trained model in use."""
    pipeline, registry = house.runtime.pipeline, house.runtime.registry
    with pytest.MonkeyPatch.context() as patch:
        current = type("Version", (), {"adapter": house.runtime.data.root, "run": "gone"})
        patch.setattr(registry.__class__, "current", lambda _: "v0001")
        patch.setattr(registry.__class__, "get", lambda *_: current)
        return pipeline.start_of(house.dataset, pipeline.base()).reason


def unmet(house: House) -> set[str]:
    return {str(condition.name) for condition in house.runtime.observer.decide().missing}


def first_turns(house: House) -> int:
    """In a data folder that was never trained from; a command's observer, of the same making."""
    return house.elsewhere.observer.turns_needed()


def every_turns(house: House) -> int:
    store = house.runtime.store
    store.execute(
        "INSERT INTO runs (id, created, dataset, base, state, updated) VALUES ('r', 20, 'd', 'b', 'finished', 20)"
    )
    try:
        return house.runtime.observer.turns_needed()
    finally:
        store.execute("DELETE FROM runs WHERE id = 'r'")


def logged(text: str) -> Callable[[House], bool]:
    """Whether a sentence with this in it is in the log as it was said."""

    def look(house: House) -> bool:
        mark = f"marca{time.time_ns()}"
        house.owner.says(f"anota aí: {text}, {mark}")
        lines = [line for line in log_text(house).splitlines() if mark in line]
        return any(text in line for line in lines)

    return look


def log_text(house: House) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(house.runtime.data.log.glob("*.jsonl")))


def new_files(house: House) -> int:
    """Log files that a megabyte of talk begins."""
    before = set(house.runtime.data.log.glob("*.jsonl"))
    for number in range(2):
        house.runtime.log.append(talk(10_000 + number, reply="Sei lá. " * 80_000), TurnKind.CHAT)
    return len(set(house.runtime.data.log.glob("*.jsonl")) - before)


def synced_before_the_reply(house: House) -> bool:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(threading.get_ident())
        real(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        house.owner.says("isso fica guardado?")
        return threading.get_ident() in synced


def shown(house: House) -> int:
    """Earlier conversations that the model is shown with a question."""
    route = house.owner.asks("coloca um timer de 12 minutos por favor")
    return 0 if route is None else len(route.examples)


def lessons(house: House) -> int:
    """Of one fact, which is there for this look alone: the other looks count the examples."""
    book = house.runtime.book
    facts = book.add("minha gata é a Fork")
    taught = sum(example.source == LESSON for example in house.runtime.pipeline.draft().train)
    for fact in facts:
        book.forget(fact)
    return taught


def told(house: House) -> tuple[str, ...] | None:
    """What a model of this machine's own is told with a question."""
    return house.owner.remembers("como se chama minha gata?")


def told_by_groq(house: House) -> bool:
    return house.owner.remembers("como se chama minha gata?", Route("groq", "m")) is not None


def told_to_the_version_that_learnt_it(house: House) -> bool:
    """A version that knows the name of the cat, in the place of the one in use."""
    runtime = house.runtime
    learnt = frozenset(one.id for one in WORLD if one.claim.value == "Fork")
    runtime.routes.flip(Route("embedded", "v", "http://127.0.0.1:9", version="v0099"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime.served.standings, "of", lambda _: Standing(True, learnt))
        route = house.owner.asks("como se chama minha gata?")
    house.owner.says("como se chama minha gata?", id="call")
    runtime.routes.flip(None)
    assert route is not None and route.version == "v0099"
    return any("Fork" in memory for memory in route.memories)


def command_understood(house: House) -> bool:
    return house.owner.hears("qual modelo está respondendo") is not None


def base_in_use(house: House) -> str:
    house.runtime.pipeline.base()
    return house.bases[-1]


def spoken() -> Language:
    """The language of this process, whose system is an English one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(ENV_LANGUAGE)
        patch.setattr("aeon_plugin_ft.messages.speaker._system", lambda: Language.EN)
        return language()


def announced(house: House) -> int:
    house.runtime.announcer.on_event(AttentionNeeded(trouble=Trouble.OTHER, what="a test", todo="nothing"))
    return house.runtime.announcer.queued


# -- the table ---------------------------------------------------------------------------------

OTHER: Any = object()
"""Any value but the one before."""


@dataclass(frozen=True)
class Effect:
    """Saving `value` changes what `seen` gives from `before` to `after`. `given` is set in the file before and
    after."""

    value: Any
    seen: Callable[[House], Any]
    before: Any = OTHER
    after: Any = OTHER
    given: Mapping[str, Any] = field(default_factory=dict)


def recipe(key: str, value: Any, field: str = "", before: Any = OTHER) -> Effect:
    return Effect(value, worker(field or key.partition(".")[2]), before, value)


_NOW = datetime.now()
AROUND_NOW = f"{_NOW - timedelta(hours=1):%H:%M}-{_NOW + timedelta(hours=3):%H:%M}"

EFFECTS: dict[str, Effect] = {
    "plugin.enabled": Effect(False, command_understood, True, False),
    "plugin.language": Effect("pt", lambda _: spoken(), Language.EN, Language.PT),
    "plugin.disk_cap_gb": Effect(3.0, lambda house: house.runtime.pipeline.retention().plan().cap, 20e9, 3e9),
    "log.enabled": Effect(False, logged("o tempo"), True, False),
    "log.rotate_mb": Effect(1, new_files, 0, given={"privacy.mode": "keep"}),
    "log.fsync_ms": Effect(0, synced_before_the_reply, False, True),
    "log.session_gap_minutes": Effect(60, history, given={"dataset.history_turns": 3}),
    "dataset.heldout_share": Effect(0.4, heldout),
    # Some more: what asks the same in other words goes to the same side.
    "dataset.heldout_min": Effect(
        40, lambda house: heldout(house) >= 40, False, True, {**EVERYTHING, "dataset.heldout_share": 0.01}
    ),
    "dataset.max_examples": Effect(50, examples, after=50),
    "dataset.disabled_filters": Effect(("canned",), dropped("canned"), True, False),
    "dataset.min_quality": Effect(1.0, dropped("low_quality"), False, True),
    "dataset.near_duplicate": Effect(1.0, examples),
    "dataset.topic_share": Effect(1.0, examples, given={"dataset.near_duplicate": 1.0}),
    "dataset.history_turns": Effect(3, history, given={"log.session_gap_minutes": 60}),
    "dataset.chat_feedback": Effect(True, judged_between_people, False, True),
    "privacy.mode": Effect("keep", logged(CPF), False, True),
    "privacy.terms": Effect((SECRET_NAME,), logged(SECRET_NAME), True, False),
    "memory.learn": Effect(False, lambda house: lessons(house) > 0, True, False),
    "memory.wordings": Effect(1, lessons),
    "memory.in_prompt": Effect(False, lambda house: told(house) is None, False, True),
    "memory.prompt_tokens": Effect(20, told),
    "memory.keep_in_prompt": Effect("unlearnt", told_to_the_version_that_learnt_it, True, False),
    "memory.cloud": Effect(True, told_by_groq, False, True),
    "base.model": Effect("another-model", base_in_use, "smollm2-135m-instruct", "another-model"),
    "base.similar_turns": Effect(2, shown, 0),
    "train.rank": recipe("train.rank", 4),
    "train.alpha": recipe("train.alpha", 7),
    "train.rslora": recipe("train.rslora", True),
    "train.lora_plus": recipe("train.lora_plus", 4.0),
    "train.learning_rate": recipe("train.learning_rate", 0.0123),
    "train.epochs": recipe("train.epochs", 6.5),
    "train.batch_size": recipe("train.batch_size", 5),
    "train.max_length": recipe("train.max_length", 777),
    "train.seed": recipe("train.seed", 5),
    "train.threads": recipe("train.threads", physical_cores() + 1, before=physical_cores()),
    "train.checkpoint_steps": recipe("train.checkpoint_steps", 3),
    "train.micro_tokens": recipe("train.micro_tokens", 512),
    "train.dora": recipe("train.dora", True),
    "train.quantize": recipe("train.quantize", "4bit"),
    "train.early_stopping": recipe("train.early_stopping", 9, "patience"),
    "train.tool_share": recipe("train.tool_share", 0.5),
    "train.rebuild_max": Effect(1, start),
    "train.replay_share": recipe("train.replay_share", 0.6),
    "train.preference_min": recipe("train.preference_min", 3),
    "train.preference_rate": recipe("train.preference_rate", 0.004),
    "train.preference_beta": recipe("train.preference_beta", 0.5),
    "train.report_to": Effect("tensorboard", tracker, "none", "tensorboard"),
    "schedule.enabled": Effect(False, unmet),
    "schedule.every_turns": Effect(17, every_turns, 1000, 17),
    "schedule.first_turns": Effect(7, first_turns, 100, 7),
    "schedule.cooldown_hours": Effect(1.0, lambda house: house.runtime.observer.cooled_down_at(), 72_000.0, 3600.0),
    "schedule.idle_minutes": Effect(1.0, unmet),
    "schedule.quiet_hours": Effect(AROUND_NOW, lambda house: house.runtime.owner.in_quiet_hours(), False, True),
    "schedule.on_battery": Effect(True, unmet),
    "schedule.max_busy_percent": Effect(90.0, unmet),
    "voice.enabled": Effect(False, command_understood, True, False),
    "voice.announce": Effect((), announced, 1, 0),
}

ELSEWHERE: dict[str, str] = {
    "train.places": "tests/flow/test_places.py::test_a_place_has_a_name",
    "train.otherwise": "tests/flow/test_places.py::test_a_place_that_is_in_use_or_off_is_waited_for_or_not",
    "train.where": "tests/flow/test_places.py::test_a_run_goes_where_the_settings_of_the_moment_say",
    "memory.read_with_model": "tests/flow/test_idle_reading.py::test_nobody_is_asked_where_it_is_not_wanted",
    "gate.min_gain": "tests/flow/test_judge.py::test_a_changed_gate_counts_for_the_next_verdict",
    "gate.max_faulty": "tests/flow/test_judge.py::test_a_changed_gate_counts_for_the_next_verdict",
    "gate.exam_questions": "tests/flow/test_judge_exam.py::test_the_exam_has_as_many_questions_as_the_settings_say",
    "gate.compare_with": "tests/flow/test_judge_exam.py::test_what_answers_today_is_left_out_where_the_base_is_enough",
    "gate.cloud_questions": "tests/flow/test_judge_exam.py::test_a_cloud_is_asked_only_where_the_owner_allows_it",
    "gate.tool_drop": "tests/flow/test_judge.py::test_a_changed_gate_counts_for_the_next_verdict",
    "gate.forget_margin": "tests/flow/test_judge.py::test_a_changed_gate_counts_for_the_next_verdict",
    "gate.watch": "tests/flow/test_watch.py::test_the_watch_is_switched_off_and_on_under_a_running_host",
    "gate.canary_share": "tests/flow/test_watch.py::test_a_candidate_answers_its_share_of_the_sessions_and_takes_over",
    "gate.canary_turns": "tests/flow/test_watch.py::test_a_candidate_answers_its_share_of_the_sessions_and_takes_over",
    **{f"serve.{key}": "tests/serving/test_settings.py::test_no_key_is_left_out" for key in ServeSection.model_fields},
    "serve.prefer": "tests/flow/test_prefer.py::test_who_answers_is_as_serve_prefer_says",
}
"""A key of a backend, and those that need a verdict or a model in use: the test that changes it."""


@pytest.mark.parametrize("key", EFFECTS)
def test_a_saved_change_counts_in_the_part_that_uses_it(house: House, key: str) -> None:
    effect = EFFECTS[key]
    house.save(effect.given)
    before = effect.seen(house)
    assert effect.before is OTHER or before == effect.before
    house.save({**effect.given, key: effect.value})
    if effect.after is OTHER:
        eventually(lambda: effect.seen(house) != before)
    else:
        eventually(lambda: effect.seen(house) == effect.after)


def test_the_table_is_complete() -> None:
    assert sorted({**EFFECTS, **ELSEWHERE}) == sorted(all_keys())
    assert not set(EFFECTS) & set(ELSEWHERE)


@pytest.mark.parametrize("place", sorted(set(ELSEWHERE.values())))
def test_a_test_that_is_pointed_to_exists(place: str) -> None:
    file, _, name = place.partition("::")
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

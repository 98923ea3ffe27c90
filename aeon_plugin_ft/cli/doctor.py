"""`aeon-ft doctor`: what works, what does not, and the one command that mends each."""

from __future__ import annotations

import importlib.util
import platform
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from aeon_plugin_ft.cli.context import Context, mark, of, out, show_json, size
from aeon_plugin_ft.cli.looking import nothing_yet
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.words import run_state, why_run
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.extras import missing_for_training, pip_command
from aeon_plugin_ft.messages import Speaker

_say = Speaker("cli/doctor")


TRAINING_BYTES = 3_000_000_000
"""Room that a first training of the built-in model takes, with its copies."""
_NAMED = 5
"""How many files a line names."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at. `name` is for scripts, `title` for people where it is not just the name in their
    language; `mend` is the command or step that puts it right."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    title: str = ""

    @property
    def shown(self) -> str:
        """Its name for people."""
        return self.title or _say(f"name.{self.name.replace(' ', '_')}")


Check = Callable[[Context], Iterator[Symptom]]


@app.command()
def doctor(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False
) -> None:
    """Look for everything that can be wrong, and say how to mend it."""
    shared = of(context)
    checks = CHECKS if shared.place.begun else WITHOUT_DATA
    symptoms = [symptom for check in checks for symptom in _guarded(check, shared)]
    if as_json:
        show_json([{"name": s.name, "ok": s.ok, "detail": s.detail, "mend": s.mend} for s in symptoms])
    else:
        for symptom in symptoms:
            mark(symptom.ok, f"{symptom.shown}: {symptom.detail}")
            if symptom.mend and not symptom.ok:
                out.print(f"      -> {symptom.mend}", markup=False)
    if not all(symptom.ok for symptom in symptoms):
        raise typer.Exit(code=1)


def _guarded(check: Check, shared: Context) -> Iterator[Symptom]:
    """A check that cannot be made is itself a finding."""
    try:
        yield from check(shared)
    except AeonFtError as error:
        yield Symptom(check.__name__.strip("_"), False, error.what, error.todo)
    except sqlite3.Error as error:
        yield Symptom(check.__name__.strip("_"), False, _say("database.says", error=error), _say("database.rebuild"))


def _python(_: Context) -> Iterator[Symptom]:
    ok = sys.version_info >= (3, 10)
    found = _say("python.found", version=platform.python_version(), system=platform.system())
    yield Symptom("python", ok, found, _say("python.mend"))


def _trainer(_: Context) -> Iterator[Symptom]:
    missing = missing_for_training()
    detail = _say("trainer.missing", missing=", ".join(missing)) if missing else _say("trainer.there")
    yield Symptom("trainer", not missing, detail, pip_command("train"))


def _embedded_server(_: Context) -> Iterator[Symptom]:
    installed = importlib.util.find_spec("xllamacpp") is not None
    detail = _say("server.there" if installed else "server.missing")
    yield Symptom("embedded server", installed, detail, "pip install xllamacpp")


def _settings(shared: Context) -> Iterator[Symptom]:
    yield Symptom("settings", True, str(shared.settings_file.path))
    for note in shared.settings_file.notes:
        yield Symptom("settings", True, note)


def _private(shared: Context) -> Iterator[Symptom]:
    """Mended at once: nobody would want it open."""
    data = shared.data
    at_start, now = data.closing, data.close_to_others()
    still = dict.fromkeys((*at_start.open, *now.open))
    if still:
        mend = _say("private.as_owner" if data.keeps_rights() else "private.other_disk")
        yield Symptom("private", False, _say("private.open", paths=_some_of(still, data.root)), mend)
        return
    mended = dict.fromkeys((*at_start.closed, *now.closed))
    detail = _say("private.shared" if data.shared else "private.closed", root=data.root)
    if mended:
        detail = _say("private.closed_now", paths=_some_of(mended, data.root))
    yield Symptom("private", True, detail)


def _some_of(paths: Collection[Path], root: Path) -> str:
    """ "log, log/a.jsonl and 7 more"."""
    tops = (root, root.resolve())  # the folder may be a link
    names = [next(path.relative_to(top) for top in tops if path.is_relative_to(top)).as_posix() for path in paths]
    shown = ", ".join(str(root) if name == "." else name for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else _say("private.more", paths=shown, n=len(names) - _NAMED)


def _disk(shared: Context) -> Iterator[Symptom]:
    free = shared.data.free_bytes()
    detail = _say("disk.free", size=size(free), root=shared.data.root)
    yield Symptom("disk", free > TRAINING_BYTES, detail, _say("disk.mend", size=size(TRAINING_BYTES)))


def _memory(_: Context) -> Iterator[Symptom]:
    import psutil

    free = psutil.virtual_memory().available
    yield Symptom("memory", free > TRAINING_BYTES, _say("memory.free", size=size(free)), _say("memory.mend"))


def _database(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.store.rebuild import find_damage, set_aside

    damage, whole = find_damage(shared.store), _say("database.whole", path=shared.store.path)
    yield Symptom("database", damage is None, damage or whole, _say("database.rebuild"))
    for path in set_aside(shared.data.database):
        yield Symptom("database", True, _say("database.set_aside", path=path))


def _log(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.turns import TurnIndex
    from aeon_plugin_ft.turns.model import TurnKind

    index = TurnIndex(shared.store, shared.data.log)
    index.ingest()
    yield Symptom("log", True, _say("log.turns", n=index.count(TurnKind.CHAT), folder=shared.data.log))


def _runs(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.training.model import RunState
    from aeon_plugin_ft.training.runs import reap_runs
    from aeon_plugin_ft.training.table import newest_run

    reap_runs(shared.store, shared.data)
    row = newest_run(shared.store)
    if row is None:
        yield Symptom("training", True, _say("runs.none"))
        return
    ok = row.state not in {RunState.FAILED, RunState.INTERRUPTED}
    state, why = run_state(row.state.value), why_run(row)
    detail = _say("runs.state", run=row.id, state=state)
    if why:
        detail = _say("runs.state_why", run=row.id, state=state, why=why)
    yield Symptom("training", ok, detail, "aeon-ft train --resume")


def _versions(shared: Context) -> Iterator[Symptom]:
    current = shared.registry.current()
    versions = shared.registry.versions()
    faults = [f"{version.name}: {fault}" for version in versions for fault in version.faults()]
    detail = _say("versions.kept", n=len(versions), current=current)
    yield Symptom("versions", not faults, "; ".join([detail, *faults]), _say("versions.mend"))


def _served(shared: Context) -> Iterator[Symptom]:
    """Whether the version in use answers where [serve] says: only the host can move it there."""
    from aeon_plugin_ft.registry import BASE
    from aeon_plugin_ft.serving.deployments import DeploymentTable

    current, backend = shared.registry.current(), shared.settings_file.current.serve.backend
    place = DeploymentTable(shared.store).backend_of(current)
    if current == BASE and place is None:
        return  # Aeon chooses by itself
    if place == backend:
        detail = _say("served.right", current=current, place=place)
    elif place is not None:
        detail = _say("served.wrong", current=current, place=place, backend=backend)
    else:
        detail = _say("served.nobody", current=current, backend=backend)
    yield Symptom("served", place == backend, detail, _say("served.mend"))


def _ollama(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.base.ollama_names import canonical_name
    from hooks.providers import OllamaProvider, ProviderError, ollama_url
    from hooks.providers.secrets import without_login

    settings = shared.settings_file.current.serve
    if settings.backend != "ollama":
        return
    provider = OllamaProvider(settings.ollama_url or None)
    where = without_login(ollama_url(settings.ollama_url or None))
    try:
        served = provider.models(timeout_s=3)
        # Only a base that is named as a tag must be there: any other is imported.
        base = shared.settings_file.current.base.model
        tag = base.removeprefix("ollama:") if base.startswith("ollama:") else ""
        there = not tag or canonical_name(tag) in {canonical_name(name) for name in served}
        detail = _say("ollama.models", n=len(served), where=where)
        if not there:
            detail = _say("ollama.lacks", n=len(served), where=where, tag=tag)
        yield Symptom("ollama", there, detail, f"ollama pull {tag}")
    except ProviderError as error:
        detail = _say("ollama.absent", where=where)
        if error.status is not None:
            detail = _say("ollama.refused", where=where, status=error.status)
        yield Symptom("ollama", False, detail, "ollama serve")
    finally:
        provider.close()


def _facts(shared: Context) -> Iterator[Symptom]:
    """How many facts about the owner are held, and where they go: a permission, and no fault either way."""
    held, unread = len(shared.book.current()), len(shared.book.due())
    detail = _say("facts.held_unread", n=held, unread=unread) if unread else _say("facts.held", n=held)
    yield Symptom("facts held", True, detail)
    memory = shared.settings_file.current.memory
    elsewhere = ", ".join(_elsewhere(shared))
    if not memory.in_prompt:
        detail = _say("facts.told_nobody")
    else:
        detail = _say("facts.told_all" if memory.cloud else "facts.told_here", elsewhere=elsewhere)
    yield Symptom("facts", True, detail)


def _elsewhere(shared: Context) -> Iterator[str]:
    """The places that facts would leave this machine for. Groq whether or not there is a key here: Aeon has its own."""
    from hooks import Route
    from hooks.providers import is_here, ollama_url
    from hooks.providers.secrets import without_login

    serve = shared.settings_file.current.serve
    yield "Groq"
    # The one that we serve with, and the one that Aeon itself asks.
    for url in dict.fromkeys(ollama_url(given) for given in (serve.ollama_url or None, None)):
        if not is_here(Route("ollama", serve.ollama_model, url)):
            yield _say("facts.ollama_at", model=serve.ollama_model, url=without_login(url))
    if serve.openai_url and not is_here(Route("openai", "", serve.openai_url)):
        yield without_login(serve.openai_url)


def _places(shared: Context) -> Iterator[Symptom]:
    """Where runs may go besides this machine, what goes there and how; a place that is set and not allowed is a
    fault."""
    from aeon_plugin_ft.cli.places import goes, kept
    from aeon_plugin_ft.training.places.consent import allowed
    from aeon_plugin_ft.training.places.left import owed
    from aeon_plugin_ft.training.places.where import parse_where

    for run, where in owed(shared.store).items():
        yield Symptom("place", False, _say("place.left", run=run, where=where), "aeon-ft places clean")
    said = allowed(shared.store)
    chosen = parse_where(shared.settings_file.current.train.place)
    for address in said:
        place = parse_where(address)
        if place is not None:
            used = chosen is not None and chosen.address == address
            detail = _say(
                "place.chosen" if used else "place.allowed",
                address=address,
                goes="; ".join(goes()),
                kept=kept(place.way),
            )
            yield Symptom("place", True, detail)
    if chosen is not None and chosen.address not in said:
        detail = _say("place.not_allowed", address=chosen.address)
        yield Symptom("place", False, detail, f"aeon-ft places allow {chosen.address}")
    elif chosen is None and not said:
        yield Symptom("place", True, _say("place.here"))


def _nothing_yet(shared: Context) -> Iterator[Symptom]:
    yield Symptom("data", True, nothing_yet(shared.place.root))


def _aeon(shared: Context) -> Iterator[Symptom]:
    root = shared.aeon or shared.home
    if root is None:
        return
    from aeon_plugin_ft.install import check

    for finding in check(root):
        yield Symptom(f"aeon: {finding.name}", finding.ok, finding.detail, finding.mend, _title(finding.name))


_OF_AEON = {"folder", "module", "python", "key", "door", "brain"}


def _title(name: str) -> str:
    """The name of a finding about an Aeon; what is none of its parts is a package that it needs, or a repair."""
    if name in _OF_AEON:
        return _say(f"name.aeon_{name}")
    kind, _, what = name.partition(" ")
    return _say("name.aeon_repair", what=what) if kind == "repair" else _say("name.aeon_package", package=name)


CHECKS: tuple[Check, ...] = (
    _python,
    _trainer,
    _embedded_server,
    _settings,
    _private,
    _disk,
    _memory,
    _database,
    _log,
    _runs,
    _versions,
    _served,
    _ollama,
    _facts,
    _places,
    _aeon,
)
WITHOUT_DATA: tuple[Check, ...] = (_python, _trainer, _embedded_server, _memory, _nothing_yet, _aeon)
"""What can be looked at where nothing is kept yet."""

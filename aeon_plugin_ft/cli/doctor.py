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
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.extras import missing_for_training, pip_command

TRAINING_BYTES = 3_000_000_000
"""Room that a first training of the built-in model takes, with its copies."""
_REBUILD = "Start Aeon, which puts a damaged database aside and makes a new one from the log"
_NAMED = 5
"""How many files a line names."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that was looked at. `mend` is the command or step that puts it right."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


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
            mark(symptom.ok, f"{symptom.name}: {symptom.detail}")
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
        yield Symptom(check.__name__.strip("_"), False, f"the database says: {error}", _REBUILD)


def _python(_: Context) -> Iterator[Symptom]:
    ok = sys.version_info >= (3, 10)
    yield Symptom("python", ok, f"{platform.python_version()} on {platform.system()}", "Install Python 3.10 or newer")


def _trainer(_: Context) -> Iterator[Symptom]:
    missing = missing_for_training()
    detail = f"missing: {', '.join(missing)}" if missing else "torch, transformers, trl and peft are installed"
    yield Symptom("trainer", not missing, detail, pip_command("train"))


def _embedded_server(_: Context) -> Iterator[Symptom]:
    installed = importlib.util.find_spec("xllamacpp") is not None
    yield Symptom(
        "embedded server",
        installed,
        "xllamacpp is installed" if installed else "xllamacpp is missing",
        "pip install xllamacpp",
    )


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
        if data.keeps_rights():
            mend = "Run `aeon-ft doctor` as the user whom they belong to"
        else:
            mend = "Move the folder to a disk with rights (NTFS, ext4, APFS), and name it with --data or AEON_FT_DATA"
        yield Symptom("private", False, f"open to other users: {_some_of(still, data.root)}", mend)
        return
    mended = dict.fromkeys((*at_start.closed, *now.closed))
    detail = f"{data.root} is closed to other users"
    if mended:
        detail = f"closed just now, was open to other users: {_some_of(mended, data.root)}"
    elif data.shared:
        detail = f"what the plugin keeps in {data.root} is closed to other users; the folder holds other things as well"
    yield Symptom("private", True, detail)


def _some_of(paths: Collection[Path], root: Path) -> str:
    """ "log, log/a.jsonl and 7 more"."""
    tops = (root, root.resolve())  # the folder may be a link
    names = [next(path.relative_to(top) for top in tops if path.is_relative_to(top)).as_posix() for path in paths]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(str(root) if name == "." else name for name in names[:_NAMED]) + more


def _disk(shared: Context) -> Iterator[Symptom]:
    free = shared.data.free_bytes()
    yield Symptom(
        "disk",
        free > TRAINING_BYTES,
        f"{size(free)} free at {shared.data.root}",
        f"Free some space: a training needs about {size(TRAINING_BYTES)}",
    )


def _memory(_: Context) -> Iterator[Symptom]:
    import psutil

    free = psutil.virtual_memory().available
    yield Symptom("memory", free > TRAINING_BYTES, f"{size(free)} available", "Close some programs before training")


def _database(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.store.rebuild import find_damage, set_aside

    damage = find_damage(shared.store)
    yield Symptom("database", damage is None, damage or f"{shared.store.path} is whole", _REBUILD)
    for path in set_aside(shared.data.database):
        yield Symptom("database", True, f"{path} was damaged and is not used any more; delete it when you miss nothing")


def _log(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.turns import TurnIndex
    from aeon_plugin_ft.turns.model import TurnKind

    index = TurnIndex(shared.store, shared.data.log)
    index.ingest()
    yield Symptom("log", True, f"{index.count(TurnKind.CHAT)} conversation turns in {shared.data.log}")


def _runs(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.training.model import RunState
    from aeon_plugin_ft.training.runs import reap_runs
    from aeon_plugin_ft.training.table import newest_run

    reap_runs(shared.store, shared.data)
    row = newest_run(shared.store)
    if row is None:
        yield Symptom("training", True, "no run yet")
        return
    ok = row.state not in {RunState.FAILED, RunState.INTERRUPTED}
    yield Symptom("training", ok, f"{row.id} is {row.state.value} {row.reason}".strip(), "aeon-ft train --resume")


def _versions(shared: Context) -> Iterator[Symptom]:
    current = shared.registry.current()
    versions = shared.registry.versions()
    faults = [f"{version.name}: {fault}" for version in versions for fault in version.faults()]
    detail = f"{len(versions)} kept, {current} is in use"
    mend = "Put the files back, or use another version (`aeon-ft models`); none of these is served"
    yield Symptom("versions", not faults, "; ".join([detail, *faults]), mend)


def _served(shared: Context) -> Iterator[Symptom]:
    """Whether the version in use answers where [serve] says: only the host can move it there."""
    from aeon_plugin_ft.registry import BASE
    from aeon_plugin_ft.serving.deployments import DeploymentTable

    current, backend = shared.registry.current(), shared.settings_file.current.serve.backend
    place = DeploymentTable(shared.store).backend_of(current)
    if current == BASE and place is None:
        return  # Aeon chooses by itself
    detail = f"{current} was last served by {place or 'nobody'}, and [serve] backend is {backend}"
    mend = "Start Aeon, which moves it there; where it runs already, `aeon-ft watch` shows why it could not"
    yield Symptom("served", place == backend, f"{current} by {backend}" if place == backend else detail, mend)


def _ollama(shared: Context) -> Iterator[Symptom]:
    from aeon_plugin_ft.base.ollama_names import canonical_name
    from hooks.providers import OllamaProvider, ProviderError, ollama_url
    from hooks.providers.secrets import without_login

    settings = shared.settings_file.current.serve
    if settings.backend != "ollama":
        return
    provider = OllamaProvider(settings.ollama_url or None)
    try:
        served = provider.models(timeout_s=3)
        # Only a base that is named as a tag must be there: any other is imported.
        base = shared.settings_file.current.base.model
        tag = base.removeprefix("ollama:") if base.startswith("ollama:") else ""
        there = not tag or canonical_name(tag) in {canonical_name(name) for name in served}
        where = without_login(ollama_url(settings.ollama_url or None))
        detail = f"{len(served)} models at {where}" + ("" if there else f", and {tag} is none of them")
        yield Symptom("ollama", there, detail, f"ollama pull {tag}")
    except ProviderError as error:
        yield Symptom("ollama", False, str(error), "ollama serve")
    finally:
        provider.close()


def _facts(shared: Context) -> Iterator[Symptom]:
    """How many facts about the owner are held, and where they go: a permission, and no fault either way."""
    unread = len(shared.book.due())
    later = f", {unread} conversations not read for facts yet" if unread else ""
    yield Symptom("facts held", True, f"{len(shared.book.current())} facts about you are held{later}")
    memory = shared.settings_file.current.memory
    elsewhere = ", ".join(_elsewhere(shared))
    if not memory.in_prompt:
        detail = "no model is told the facts about you ([memory] in_prompt)"
    elif memory.cloud:
        detail = f"facts about you may leave this machine, to whichever of these answers: {elsewhere} ([memory] cloud)"
    else:
        detail = f"facts about you are told to models on this machine only, and not to {elsewhere} ([memory] cloud)"
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
            yield f"Ollama's {serve.ollama_model} at {without_login(url)}"
    if serve.openai_url and not is_here(Route("openai", "", serve.openai_url)):
        yield without_login(serve.openai_url)


def _places(shared: Context) -> Iterator[Symptom]:
    """Where runs may go besides this machine, what goes there and how; a place that is set and not allowed is a
    fault."""
    from aeon_plugin_ft.training.places.consent import ENCRYPTED, GOES, allowed
    from aeon_plugin_ft.training.places.left import owed
    from aeon_plugin_ft.training.places.where import parse_where

    for run, where in owed(shared.store).items():
        yield Symptom("place", False, f"what {run} learnt from still lies at {where}", "aeon-ft places clean")
    said = allowed(shared.store)
    chosen = parse_where(shared.settings_file.current.train.place)
    for address in said:
        place = parse_where(address)
        if place is not None:
            use = "runs go there" if chosen and chosen.address == address else "runs may go there"
            yield Symptom("place", True, f"{address}: {use}: {'; '.join(GOES)}; {ENCRYPTED[place.way]}")
    if chosen is not None and chosen.address not in said:
        detail = f"[train] where is {chosen.address}, and you have not said that anything may go there"
        yield Symptom("place", False, detail, f"aeon-ft places allow {chosen.address}")
    elif chosen is None and not said:
        yield Symptom("place", True, "runs train on this machine, and none may go elsewhere")


def _nothing_yet(shared: Context) -> Iterator[Symptom]:
    yield Symptom("data", True, nothing_yet(shared.place.root))


def _aeon(shared: Context) -> Iterator[Symptom]:
    root = shared.aeon or shared.home
    if root is None:
        return
    from aeon_plugin_ft.install import check

    for finding in check(root):
        yield Symptom(f"aeon: {finding.name}", finding.ok, finding.detail, finding.mend)


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

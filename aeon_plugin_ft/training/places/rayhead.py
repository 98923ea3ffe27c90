"""`python -m aeon_plugin_ft.training.places.rayhead <data folder of the run> <root>`: a run's own job on a Ray cluster.

It runs on the head node and keeps the run folder there. The training itself is an actor on whichever node has room; its
checkpoints are copied here, and when that node is lost another one goes on from the newest. Imports Ray, which only
Ray's own Python has.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

from aeon_plugin_ft.causes import EndCause, PauseCause, RunPhase
from aeon_plugin_ft.errors import AeonFtError, LostError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.model import Progress, RunOutcome, RunState
from aeon_plugin_ft.training.places import there
from aeon_plugin_ft.training.places.away import Away
from aeon_plugin_ft.training.places.cargo import base_at
from aeon_plugin_ft.training.places.door import ROOT, Fill, in_parts, read_answer
from aeon_plugin_ft.training.places.keeper import ENDED, SPEC, Keeper
from aeon_plugin_ft.training.places.ray import LOOK, PROGRESS
from aeon_plugin_ft.training.places.turn import Turn
from aeon_plugin_ft.training.places.where import Way, Where
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.worker.priority import Priority
from aeon_plugin_ft.training.worker.stopping import StopRequested

_say = Speaker("errors/training")

NODE_SECONDS = 300.0
"""How long a node may take to answer, the unpacking of a base model included."""


class Node:
    """The actor: `there.py` on the node that trains. Whatever it starts ends with it."""

    def __init__(self) -> None:
        self.root = tempfile.mkdtemp(prefix="aeon-ft-node-")
        # Base models and code stay on a node, as on a machine reached by SSH: one owner's run after another's finds
        # them by digest. What is a run's own does not.
        things = Path(ROOT).expanduser() / "things"
        things.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # where links are not allowed they are sent each time
            Path(self.root, "things").symlink_to(things, target_is_directory=True)
        self.keeper: subprocess.Popen[bytes] | None = None

    def answer(self, verb: str, arguments: dict[str, Any], payload: bytes) -> bytes:
        """One request and its answer, as on stdin and stdout."""
        line = json.dumps({"verb": verb, "root": self.root, **arguments}).encode() + b"\n"
        sink = io.BytesIO()
        there.answer(io.BytesIO(line + payload), sink)
        return sink.getvalue()

    def begin(self, run: str, spec: dict[str, Any]) -> bytes:
        """Prepare, and start the keeper as a child that ends when this actor does."""
        said = self.answer("prepare", {"run": run, "spec": spec}, b"")
        if b'"ok": true' in said:
            command = [sys.executable, "-m", "aeon_plugin_ft.training.places.keeper"]
            folder, code = Path(self.root, "runs", run), Path(self.root, "things", spec["code"])
            there.count_as_alive(folder)
            with (folder / "keeper.log").open("ab") as log:
                self.keeper = subprocess.Popen(
                    [*command, str(folder), self.root, "--supervised"], stdin=subprocess.PIPE, stdout=log, stderr=log,
                    cwd=folder, env={**os.environ, "PYTHONPATH": str(code)},
                )  # fmt: skip
        return said

    def end(self) -> None:
        """Nothing of ours stays on the node."""
        if self.keeper is not None and self.keeper.stdin is not None:
            self.keeper.stdin.close()
            self.keeper.wait(30)
        shutil.rmtree(self.root, ignore_errors=True)


class NodeDoor:
    """The way from the head to the node that trains; where that node is lost, to another one."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.actor: Any = None

    def call(
        self, verb: str, arguments: Mapping[str, Any], fill: Fill | None = None, sink: BinaryIO | None = None
    ) -> dict[str, Any]:
        """As Door.call."""

        def once(verb: str, arguments: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
            head, _, rest = self._ask("answer", verb, dict(arguments), payload).partition(b"\n")
            if sink is not None:
                sink.write(rest)
            return read_answer(head, _say("ray.node"))

        return in_parts(verb, arguments, fill or (lambda _: None), once)

    def begin(self, run: str, spec: Mapping[str, Any]) -> None:
        """As Door.begin."""
        read_answer(self._ask("begin", run, dict(spec)), _say("ray.node"))

    def end(self) -> None:
        """Leave the node as it was."""
        if self.actor is not None:
            try:
                self.ray.get(self.actor.end.remote(), timeout=60)
                self.ray.kill(self.actor)
            except self.ray.exceptions.RayError as error:
                logging.info("the node is gone already (%s)", error)
            self.actor = None

    def _ask(self, method: str, *arguments: Any) -> bytes:
        if self.actor is None:
            self.actor = self._place()
        try:
            answer: bytes = self.ray.get(getattr(self.actor, method).remote(*arguments), timeout=NODE_SECONDS)
        except self.ray.exceptions.GetTimeoutError as error:
            raise LostError(_say("ray.node_silent", seconds=f"{NODE_SECONDS:.0f}")) from error
        except self.ray.exceptions.RayError as error:
            # Its node is gone, or it was ended there: the next request finds another.
            self.actor = None
            raise LostError(_say("ray.node_lost", reason=type(error).__name__)) from error
        return answer

    def _place(self) -> Any:
        """An actor on another node than this one where there is one, with a GPU where there are any."""
        gpus = 1 if self.ray.cluster_resources().get("GPU") else 0
        here = self.ray.get_runtime_context().get_node_id()
        nodes = [node["NodeID"] for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        # The head last: what it runs beside us is the cluster itself.
        ordered = sorted(nodes, key=lambda node: node == here)
        options: dict[str, Any] = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0}
        if ordered:
            strategies = importlib.import_module("ray.util.scheduling_strategies")
            options["scheduling_strategy"] = strategies.NodeAffinitySchedulingStrategy(ordered[0], soft=True)
        return self.ray.remote(Node).options(**options).remote()


class HeadWatch:
    """Why to leave: the file that the owner's side leaves here, or that it is another owner's turn."""

    def __init__(self, keeper: Keeper, turn: Turn | None = None) -> None:
        self.keeper, self.turn = keeper, turn
        self.before = ""
        """The newest checkpoint when the slice began."""

    def begin_slice(self) -> None:
        """It has a card from now on."""
        self.before = self._newest()

    def check(self) -> None:
        """Raise StopRequested once somebody wants the run to leave."""
        cause = self.keeper.wanted()
        if cause is not None:
            raise StopRequested(cause)
        # No slice without a step: where a start takes longer than one, owners would only take turns at starting.
        if self.turn is not None and self.turn.over() and self._newest() > self.before:
            raise StopRequested(PauseCause.OTHERS_TURN)

    def _newest(self) -> str:
        run = self.keeper.run
        return max((path.name for path in run.folder.glob("checkpoints/step-*") if not path.suffix), default="")


class Head:
    """One stay of a run on the cluster."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.keeper = Keeper(folder, root)
        self.folder, self.root = folder, root
        self.run = self.keeper.run
        self._over = threading.Event()

    def stay(self) -> int:
        """From start to end, telling on stdout; returns the job's exit code."""
        beat = threading.Thread(target=self._beat, name="aeon-ft-alive", daemon=True)
        beat.start()
        try:
            ended = self._train()
        except Exception as error:
            logging.exception("the run cannot go on")
            what = str(error) if isinstance(error, AeonFtError) else f"{type(error).__name__}: {error}"
            ended = _ended(RunState.FAILED, EndCause.BROKE.value, what)
        write_json(self.folder / ENDED, ended)
        self._over.set()
        beat.join()
        (self.folder / "alive").unlink(missing_ok=True)
        self._tell_look(ended)
        if ended["cause"] == PauseCause.OWNER_CANCELLED.value:
            shutil.rmtree(self.folder, ignore_errors=True)
        return 0

    def _train(self) -> dict[str, Any]:
        ray = importlib.import_module("ray")
        spec = json.loads((self.folder / SPEC).read_text(encoding="utf-8"))
        code = self.root / "things" / spec["code"]
        # To every node: the actor's own module, as it is here.
        modules = [str(folder) for folder in sorted(code.iterdir()) if (folder / "__init__.py").is_file()]
        ray.init(address="auto", log_to_driver=False, runtime_env={"py_modules": modules})
        data = DataFolder(self.folder).create()
        store = Store(data.database)
        config = self._config(data, spec)
        door = NodeDoor(ray)
        place = Where(Way.RAY, "node")
        turn = Turn(ray, str(spec.get("owner") or self.run.id), self.run.id)
        watch = HeadWatch(self.keeper, turn)
        away = Away(
            self.run, config, store, place, watch, self._phase, self._tell, door=door,
            on_seen=lambda: self._tell_look(None), priority=Priority(spec.get("priority", Priority.LOWEST.value)),
        )  # fmt: skip
        try:
            outcome = self._by_turns(away, door, turn, watch)
        except StopRequested as stop:
            away.settle()
            return _ended(RunState.PAUSED, stop.cause.value, "")
        finally:
            door.end()
            turn.leave()
            store.close()
        return _ended(outcome.state, outcome.cause or None, outcome.reason, outcome)

    def _by_turns(self, away: Away, door: NodeDoor, turn: Turn, watch: HeadWatch) -> RunOutcome:
        """The run, a slice at a time where other owners wait. What it has learnt stays here between two slices."""
        waits = HeadWatch(self.keeper)
        while True:
            turn.wait(waits.check)
            watch.begin_slice()
            try:
                return away.train()
            except StopRequested as stop:
                if stop.cause is not PauseCause.OTHERS_TURN:
                    raise
                away.settle()
                # The node as it was: the next one is another owner's, and nothing of this one's lies there.
                door.end()
                turn.again()
                self._tell_look(None)

    def _config(self, data: DataFolder, spec: Mapping[str, Any]) -> RunConfig:
        """The run's, with the paths of the head node."""
        config = RunConfig.read(self.run.folder)
        base = base_at(config.base, self.root / "things" / str(spec["base"]))
        parent = None if config.parent is None else self.folder / "parent"
        made = replace(
            config, base=base, dataset=data.datasets / config.dataset_hash, store=data.database.absolute(),
            parent=parent,
        )  # fmt: skip
        made.write(self.run.folder)
        return made

    # -- what the owner's side reads in the job's log ----------------------------------------------

    def _tell(self, progress: Progress) -> None:
        line = json.dumps({"event": "progress", **asdict(progress)})
        _write(f"{PROGRESS}{line}")

    def _phase(self, phase: RunPhase) -> None:
        logging.info("%s", phase.value)

    def _tell_look(self, ended: dict[str, Any] | None) -> None:
        steps = self.run.folder / "checkpoints"
        names = sorted(path.name for path in steps.glob("step-*") if not path.suffix) if steps.is_dir() else []
        _write(f"{LOOK}{json.dumps({'ended': ended, 'checkpoints': names})}")

    def _beat(self) -> None:
        while not self._over.wait(1.0):
            (self.folder / "alive").touch()


def _write(line: str) -> None:
    """Into the log of the job, which is how it tells; no terminal shows it."""
    sys.stdout.buffer.write(f"{line}\n".encode())
    sys.stdout.buffer.flush()


def _ended(state: RunState, cause: str | None, reason: str, outcome: RunOutcome | None = None) -> dict[str, Any]:
    told = None if outcome is None else {**asdict(outcome), "state": outcome.state.value}
    return {"state": state.value, "cause": cause, "reason": reason, "outcome": told}


def main(arguments: list[str]) -> int:
    """One stay; see Head."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    return Head(Path(arguments[0]), Path(arguments[1])).stay()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A real Ray cluster of two nodes on this machine: a head and a worker, each with processes and, where this system can
make them, a network namespace of its own.

`AEON_FT_RAY` names a Python that has Ray and the trainer's libraries, in an environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.training.places.where import Way, Where
from tests.training.places.network import Network, make_network

SECONDS = 120.0


@dataclass
class Cluster:
    """`head` and `worker` are the processes of the two nodes; `home` is the home of whatever runs on them."""

    python: str
    folder: Path
    home: Path
    ports: dict[str, int]
    network: Network | None = None
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def setting(self) -> str:
        return f"ray://{self.address('head')}:{self.ports['dashboard']}{self.python}"

    @property
    def where(self) -> Where:
        return Where(Way.RAY, self.address("head"), self.ports["dashboard"], "", self.python)

    def address(self, node: str) -> str:
        return "127.0.0.1" if self.network is None else self.network.address(node)

    def inside(self, node: str) -> list[str]:
        return [] if self.network is None else self.network.inside(node)

    @property
    def run_folders(self) -> Path:
        return self.home / ".cache" / "aeon-ft-away" / "runs"

    def start(self) -> None:
        dashboard = ["--include-dashboard=true", f"--dashboard-host={self.address('head')}"]
        ports = [f"--dashboard-port={self.ports['dashboard']}", f"--port={self.ports['gcs']}"]
        session = [f"--temp-dir={self.folder / 's'}"]
        self._node("head", ["--head", f"--node-ip-address={self.address('head')}", *dashboard, *ports, *session])
        self._until(lambda: self._answers(self.ports["dashboard"]))
        self.add_worker("worker")

    def add_worker(self, name: str) -> None:
        """One more node, which there is room on for one run."""
        head = f"{self.address('head')}:{self.ports['gcs']}"
        self._node(name, [f"--address={head}", f"--node-ip-address={self.address(name)}"])
        self._until(lambda: self._alive() >= len(self.nodes))

    def kill_worker(self, name: str) -> None:
        """A node is lost as in a power cut: every process of it at once."""
        process = self.nodes.pop(name)
        if self.network is not None and name != "head":
            # Before anything of it dies: nobody is told.
            self.network.cut(name)
        if process.poll() is None:
            top = psutil.Process(process.pid)
            gone = [top, *top.children(recursive=True)]
            for one in gone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(gone[1:], timeout=10)
        process.wait()

    def stop(self) -> None:
        for name in list(self.nodes):
            self.kill_worker(name)

    def _node(self, name: str, options: list[str]) -> None:
        ray = str(Path(self.python).with_name("ray"))
        environment = {**os.environ, "HOME": str(self.home), "RAY_DISABLE_IMPORT_WARNING": "1",
                       "RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}  # fmt: skip
        small = ["--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [*self.inside(name), ray, "start", *small, *options]
            self.nodes[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _alive(self) -> int:
        code = (
            "import ray, json, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level=50);"
            "print(json.dumps(sum(n['Alive'] for n in ray.nodes())))"
        )
        done = subprocess.run(
            [*self.inside("head"), self.python, "-c", code, f"{self.address('head')}:{self.ports['gcs']}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return int(json.loads(done.stdout.strip().splitlines()[-1])) if done.returncode == 0 else 0

    def _answers(self, port: int) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex((self.address("head"), port)) == 0

    def _until(self, come: object) -> None:
        deadline = time.monotonic() + SECONDS
        while not come():  # type: ignore[operator]
            logs = "".join(path.read_text(errors="replace")[-800:] for path in self.folder.glob("*.log"))
            assert time.monotonic() < deadline, logs
            time.sleep(0.5)


def free_ports(*names: str) -> dict[str, int]:
    held = [socket.socket() for _ in names]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = {name: int(one.getsockname()[1]) for name, one in zip(names, held, strict=True)}
    for one in held:
        one.close()
    return ports


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    python = os.environ.get("AEON_FT_RAY")
    if not python or not Path(python).exists():
        pytest.skip("no Ray here: AEON_FT_RAY names a Python that has ray[default] and aeon-plugin-ft[train]")
    # Short: a socket of Ray's lies in it, whose path may have 107 characters.
    folder = Path("/tmp") / f"aeon-ray-{os.getpid()}"
    folder.mkdir()
    home = folder / "home"
    home.mkdir()
    made = Cluster(python, folder, home, free_ports("dashboard", "gcs"), make_network())
    try:
        made.start()
        yield made
    finally:
        made.stop()
        if made.network is not None:
            made.network.remove()
        shutil.rmtree(folder, ignore_errors=True)

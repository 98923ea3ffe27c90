"""Two machines' worth of network on one: a namespace for each node, on a bridge that this one is on too (for Linux's
root)."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass

NODES = ("head", "worker")
_MADE = itertools.count()


@dataclass
class Network:
    """`mark` makes its names its own. Nothing of it stays after `remove`, or after the machine's next start."""

    mark: str
    third: int

    @property
    def here(self) -> str:
        """This machine's address in it."""
        return f"10.77.{self.third}.1"

    def address(self, node: str) -> str:
        return f"10.77.{self.third}.{2 + NODES.index(node)}"

    def inside(self, node: str) -> list[str]:
        """What a command begins with that is to run on a node."""
        return ["ip", "netns", "exec", self._name(node)]

    def make(self) -> None:
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{self.here}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for node in NODES:
            name = self._name(node)
            _ip("netns", "add", name)
            _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", name, "master", self._bridge, "up")
            _ip("-n", name, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", name, "link", "set", device, "up")
            # Nothing goes out there: Ray finds a node's own address by the way that a packet would take.
            _ip("-n", name, "route", "add", "default", "via", self.here)

    def cut(self, node: str) -> None:
        """Pull its cable: its processes live, and nobody reaches them."""
        _ip("link", "set", self._name(node), "down")

    def remove(self) -> None:
        for node in NODES:
            # Its end here goes with it: a namespace lives as long as a process in it, which may still be dying.
            for what in (["netns"], ["link"]):
                subprocess.run(["ip", *what, "del", self._name(node)], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self._bridge], check=False, capture_output=True)

    @property
    def _bridge(self) -> str:
        return f"aeft{self.mark}"

    def _name(self, node: str) -> str:
        # A device's name has fifteen letters at most.
        return f"aeft{self.mark}{node[0]}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def make_network() -> Network | None:
    """A network for two nodes; None where this system or user cannot make one: then both are on loopback."""
    if shutil.which("ip") is None:
        return None
    number = os.getpid() + next(_MADE)
    made = Network(str(number % 100_000), number % 250)
    try:
        made.make()
    except subprocess.CalledProcessError:
        made.remove()
        return None
    return made

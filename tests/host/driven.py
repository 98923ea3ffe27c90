"""A booted Aeon in a child process, as tests talk to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

DRIVE = Path(__file__).with_name("drive.py")


class Driven:
    """`with Driven(root, environment) as aeon: aeon.say("oi")`. Raises RuntimeError with Aeon's own output
    when it does not boot or an order fails."""

    def __init__(
        self,
        root: Path,
        environment: dict[str, str],
        *,
        python: Path | None = None,
        probe: bool = True,
        guest: bool = False,
        qt: bool = False,
    ) -> None:
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in end()
        self.ends: list[int] = []
        self.child = subprocess.Popen(
            [
                str(python or sys.executable),
                "-X",
                "utf8",
                str(DRIVE),
                str(root),
                *(["--probe"] if probe else []),
                *(["--guest"] if guest else []),
                *(["--qt"] if qt else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._read()

    def __enter__(self) -> Driven:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> int:
        """Let it end as Aeon's window does when it is closed; its exit status."""
        assert self.child.stdin and self.child.stdout
        self.child.stdin.close()
        try:
            return self.child.wait(60)
        finally:
            self.child.kill()
            self.child.stdout.close()
            self._errors.close()

    def order(self, does: str, **order: Any) -> Any:
        assert self.child.stdin
        self.child.stdin.write(json.dumps({"do": does, **order}) + "\n")
        self.child.stdin.flush()
        answer = self._read()
        if "error" in answer:
            raise RuntimeError(f"{does}: {answer['error']}\n{self.output()}")
        self.ends = answer["ends"]
        return answer["ok"]

    def say(self, text: str) -> dict[str, Any]:
        """What was shown, spoken and captured for one sentence."""
        said: dict[str, Any] = self.order("say", text=text)
        return said

    def reply(self, text: str) -> str | None:
        """The one reply to a sentence."""
        shown = self.say(text)["shown"]
        if len(shown) != 1:
            raise RuntimeError(f"{text!r} gave {shown}\n{self.output()}")
        reply: str | None = shown[0][1]
        return reply

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.order("state")
        return state

    def output(self) -> str:
        """What Aeon printed, the last 4,000 characters."""
        self._errors.seek(0)
        return self._errors.read()[-4000:]

    def _read(self) -> dict[str, Any]:
        assert self.child.stdout
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"Aeon ended: {self.output()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

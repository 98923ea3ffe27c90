"""A Ray cluster, through the Jobs interface of its dashboard: plain HTTP, so that nothing of Ray is installed here and
no version has to match. https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html

Each request is a short job on the head node that runs `there.py`, with its payload as the job's working folder and its
answer, as text, in the job's log. The run itself is one long job (`rayhead.py`), whose log tells how it does.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import time
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import httpx

from aeon_plugin_ft.errors import LostError, TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.training.places.door import BOOTSTRAP, ROOT, Fill, in_parts, read_answer, request
from aeon_plugin_ft.training.places.where import Where

_say = Speaker("errors/training")

TOKEN = "RAY_AUTH_TOKEN"
"""Ray's own name for the token of a cluster that asks for one."""
JOB_SECONDS = 600.0
POLL_SECONDS = 0.5
HTTP_SECONDS = 60.0
_OVER = {"SUCCEEDED", "FAILED", "STOPPED"}
_TEXT = b"AEON64 "
_NOT_STARTED = "JOB_SUPERVISOR_ACTOR_"
"""How Ray's kinds of errors begin that are of its own process around a job (JobErrorType)."""
LOOK, PROGRESS = "AEON-LOOK ", "AEON-PROGRESS "
"""What `rayhead` begins its lines with: the state of the run as `There.look` gives it, and a line of its progress."""


class RayDoor:
    """The way to one cluster."""

    def __init__(self, where: Where, root: str = ROOT) -> None:
        self.where, self.root = where, root
        token = os.environ.get(TOKEN)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No proxy of the environment: a cluster is in the owner's own network.
        self.http = httpx.Client(
            base_url=f"http://{where.host}:{where.port}", headers=headers, timeout=HTTP_SECONDS, trust_env=False
        )

    def call(
        self, verb: str, arguments: Mapping[str, Any], fill: Fill | None = None, sink: BinaryIO | None = None
    ) -> dict[str, Any]:
        """As Door.call."""
        if verb == "look":
            return self._look(str(arguments["run"]), int(arguments.get("offset", 0)), sink)
        if verb == "leave" and self._main_job(str(arguments["run"])) is None:
            return {"ok": True}
        if fill is not None:

            def once(verb: str, arguments: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
                return self._ask(verb, arguments, payload, sink)

            return in_parts(verb, arguments, fill, once)
        answer = self._ask(verb, arguments, b"", sink)
        job = self._main_job(str(arguments["run"])) if verb == "clean" else None
        if job is not None and job["status"] in _OVER:
            self._request("DELETE", f"/api/jobs/{job['submission_id']}")
        return answer

    def begin(self, run: str, spec: Mapping[str, Any]) -> None:
        """The run's own job on the head, unless it is there; it is found again by what it is marked with."""
        job = self._main_job(run)
        if job is not None and job["status"] not in _OVER:
            return
        # One job a run: what an earlier one said of itself must not be read as this one's word, whose time of start is
        # not known before it has started.
        for old in self._jobs_of(run):
            self._request("DELETE", f"/api/jobs/{old['submission_id']}")
        self._ask("prepare", {"run": run, "spec": dict(spec)}, b"", None)
        root = self.root.replace("~", "$HOME", 1)
        entry = (
            f'PYTHONPATH="{root}/things/{spec["code"]}" {self.where.python} -m aeon_plugin_ft.training.places.rayhead'
            f' "{root}/runs/{run}" "{root}"'
        )
        self._submit(f"aeon-ft-run-{run}-{uuid.uuid4().hex[:6]}", entry, {"aeon_ft_run": run}, None)

    # -- requests as jobs ------------------------------------------------------------------------

    def _ask(self, verb: str, arguments: Mapping[str, Any], payload: bytes, sink: BinaryIO | None) -> dict[str, Any]:
        package = self._upload(request(verb, arguments, self.root) + payload)
        entry = f'{self.where.python} -c "{BOOTSTRAP}" --text < request.bin'
        name = f"aeon-ft-{verb.replace('_', '-')}-{uuid.uuid4().hex[:10]}"
        self._submit(name, entry, {"aeon_ft": verb}, package)
        job = self._wait(name)
        log = self._get(f"/api/jobs/{name}/logs")["logs"]
        # Its log has the owner's text in it where files come back.
        self._request("DELETE", f"/api/jobs/{name}")
        if job["status"] != "SUCCEEDED":
            said = " ".join(str(job.get("message") or "").strip().splitlines()[-2:])[:300]
            if str(job.get("error_type") or "").startswith(_NOT_STARTED):
                # Nothing of ours is at fault: a busy cluster could not start, or has ended, what runs a job.
                raise LostError(_say("ray.no_room", address=self.where.address, said=said))
            raise TrainingError(*_say.error("ray.failed", address=self.where.address, said=said))
        head, _, rest = decode(log).partition(b"\n")
        if sink is not None:
            sink.write(rest)
        return read_answer(head, self.where.address)

    def _upload(self, content: bytes) -> str:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("request.bin", content)
        name = f"_ray_pkg_{hashlib.sha256(packed.getvalue()).hexdigest()[:16]}.zip"
        self._request("PUT", f"/api/packages/gcs/{name}", content=packed.getvalue())
        return f"gcs://{name}"

    def _submit(self, name: str, entry: str, metadata: dict[str, str], package: str | None) -> None:
        environment = {"working_dir": package} if package else {}
        body = {"entrypoint": entry, "submission_id": name, "runtime_env": environment, "metadata": metadata}
        self._request("POST", "/api/jobs/", json=body)

    def _wait(self, name: str) -> dict[str, Any]:
        deadline = time.monotonic() + JOB_SECONDS
        while True:
            job = self._get(f"/api/jobs/{name}")
            if job["status"] in _OVER:
                return job
            if time.monotonic() > deadline:
                self._request("POST", f"/api/jobs/{name}/stop")
                minutes = f"{JOB_SECONDS / 60:.0f}"
                raise LostError(_say("ray.no_time", address=self.where.address, minutes=minutes))
            time.sleep(POLL_SECONDS)

    # -- the run's own job -------------------------------------------------------------------------

    def _jobs_of(self, run: str) -> list[dict[str, Any]]:
        return [job for job in self._request("GET", "/api/jobs/").json() if _of_run(job) == run]

    def _main_job(self, run: str) -> dict[str, Any] | None:
        jobs = self._jobs_of(run)
        return max(jobs, key=lambda job: job.get("start_time") or 0, default=None)

    def _look(self, run: str, offset: int, sink: BinaryIO | None) -> dict[str, Any]:
        job = self._main_job(run)
        nothing: dict[str, Any] = {"ok": True, "there": False, "alive": False, "ended": None, "checkpoints": []}
        if job is None:
            return nothing
        log = self._get(f"/api/jobs/{job['submission_id']}/logs")["logs"]
        lines = [line for line in (log or "").splitlines() if line.startswith((LOOK, PROGRESS))]
        told = "".join(f"{line.removeprefix(PROGRESS)}\n" for line in lines if line.startswith(PROGRESS)).encode()
        if sink is not None:
            # Of an earlier job of this run more may have been read than this one has told yet.
            sink.write(told[offset:])
        newest = next((line for line in reversed(lines) if line.startswith(LOOK)), None)
        seen = nothing if newest is None else {"ok": True, **json.loads(newest.removeprefix(LOOK))}
        return {**seen, "there": True, "alive": job["status"] not in _OVER}

    # -- HTTP ----------------------------------------------------------------------------------------

    def _get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._request("GET", path).json()
        return answer

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            response = self.http.request(method, path, **more)
        except httpx.HTTPError as error:
            told = _say.error("places.unreachable", address=self.where.address, reason=error)
            raise LostError(*told) from error
        if response.status_code >= 500:
            raise LostError(_say("ray.trouble", address=self.where.address, status=response.status_code))
        if response.status_code >= 400:
            said = response.text[:200]
            raise TrainingError(
                *_say.error(
                    "ray.says_no", address=self.where.address, status=response.status_code, said=said, token=TOKEN
                )
            )
        return response


def _of_run(job: Mapping[str, Any]) -> str | None:
    return (job.get("metadata") or {}).get("aeon_ft_run")


def decode(log: str) -> bytes:
    """What `there.Lines` wrote into a job's log, among whatever else stands there. Raises LostError where it is not
    whole."""
    lines = [line.encode().removeprefix(_TEXT) for line in re.findall(r"^AEON64 .*$", log, re.MULTILINE)]
    if not lines or lines[-1].strip() != b".":
        raise LostError(_say("ray.not_whole"))
    return b"".join(base64.b64decode(line) for line in lines[:-1])

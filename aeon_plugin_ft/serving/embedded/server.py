"""The embedded model server: a child process that serves one model with at most one adapter.

    python -m aeon_plugin_ft.serving.embedded.server

    stdin   one line of JSON (ServerConfig) first, so that the token is on no command line; afterwards
            "drain <seconds>": finish the requests in flight, then leave. The end of stdin, which also
            comes when the parent dies, means leave now.
    stdout  one line of JSON when it is ready ({"port": ...}) or has failed ({"error": ...})
    stderr  llama.cpp's errors

llama.cpp's defaults are changed where they are not safe: its prompt cache in RAM is off, because it is
not keyed by adapter (https://github.com/ggml-org/llama.cpp/issues/26207), and the adapter is fixed at
scale 1 for the life of the process, so no cached prompt can ever belong to another one.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import IO, Any

from aeon_plugin_ft.processes.calm import keep_calm
from aeon_plugin_ft.processes.parent import ParentPipe, leave_now

LOG_SECONDS = 5.0
POLL_SECONDS = 0.05
QUIET_POLLS = 4
"""The server must report no request this many times in a row: one may be between its socket and its queue."""
ERRORS_ONLY = 1
SIMILAR = 0.5
"""A conversation goes on in the slot with which it shares this much; less, and it takes the one idle longest. At
llama.cpp's 0.1 the first words of every chat template are enough to displace another conversation."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """`adapter` is a LoRA GGUF or None. `context` is tokens per conversation, `slots` how many conversations
    are computed at once (others wait). `port` 0: any free one. `warm_prompt` is a system prompt whose
    computation is kept for the first question; "" for none. `reply_tokens` ends a reply that does not end by
    itself, when the request says nothing; -1: the context does. `keep_all`: also what lies beyond the window that a
    model attends to is kept (see window.py). `at_once`: replies come without thoughts, as training taught them (see
    prompts.py). `template`: a chat template in place of the file's; "" for that."""

    model: str
    adapter: str | None
    alias: str
    token: str
    context: int
    threads: int
    slots: int = 2
    port: int = 0
    warm_prompt: str = ""
    reply_tokens: int = -1
    keep_all: bool = False
    at_once: bool = False
    template: str = ""

    def line(self) -> str:
        """As the first line of the child's stdin."""
        return json.dumps(asdict(self)) + "\n"


def main() -> int:
    """Serve until told to leave."""
    # First of all: importing llama.cpp may already print.
    answers = _take_stdout()
    parent = ParentPipe()
    first = parent.line()
    if first is None:  # the parent died before it could say what to serve
        return 1
    config = ServerConfig(**json.loads(first))
    try:
        # A large model takes minutes, in which the parent may end.
        with parent.watched():
            server = _load(config)
            _warm(server, config.warm_prompt)
    except (RuntimeError, ValueError) as error:
        _let_the_log_be_written()
        _say(answers, {"error": str(error)})
        return 1
    _say(answers, {"port": int(server.listening_address.rpartition(":")[2])})
    seconds = _wait_for_orders(parent)
    if seconds > 0 and _drain(server, seconds, parent):
        del server  # sends the last bytes; with a request in flight it would block for half a minute
    # Past all destructors: llama.cpp's own wait for requests that nobody waits for any more.
    leave_now(0)
    return 0


def _take_stdout() -> IO[str]:
    """Keep stdout for our two lines: what native code prints there goes to stderr."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # On the level of descriptors, because native code does not write through sys.stdout.
    os.dup2(2, 1)
    return kept


def _let_the_log_be_written() -> None:
    """llama.cpp logs from a thread of its own, whose last lines are lost when the process ends first; the reason of a
    failure is among them. Its file has grown, or a busy machine has had its time."""
    deadline = time.monotonic() + LOG_SECONDS
    while os.fstat(2).st_size == 0 and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _say(answers: IO[str], value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _load(config: ServerConfig) -> Any:
    """Raises RuntimeError; llama.cpp tells the reason on stderr only."""
    import xllamacpp

    keep_calm(config.threads)
    params = xllamacpp.CommonParams()
    params.model.path = config.model
    params.model_alias = {config.alias}
    params.api_keys = [config.token]
    params.hostnames = ["127.0.0.1"]
    params.port = config.port
    params.n_parallel = config.slots
    # llama.cpp divides its context among the slots.
    params.n_ctx = config.context * config.slots
    params.cpuparams.n_threads = config.threads
    params.cpuparams_batch.n_threads = config.threads
    params.n_predict = config.reply_tokens
    params.cache_ram_mib = 0
    params.swa_full = config.keep_all
    params.slot_prompt_similarity = SIMILAR
    # An empty run at the start would cost a pass over all weights; `_warm` does one that is of use.
    params.warmup = False
    params.ui = False
    # It would adjust sizes to the memory that seems to be free; here they are as configured, or it is an error.
    params.fit_params = False
    # Nothing is fetched: what is missing on the disk is an error.
    params.offline = True
    params.endpoint_metrics = True
    params.verbosity = ERRORS_ONLY
    if config.at_once:
        params.default_template_kwargs = {"enable_thinking": "false"}
    if config.template:
        params.chat_template = config.template
    if config.adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(config.adapter, 1.0)]
    return xllamacpp.Server(params)


def _warm(server: Any, prompt: str) -> None:
    """Compute the system prompt once now, so that the first question does not wait for it."""
    if prompt:
        messages = [{"role": "system", "content": prompt}, {"role": "user", "content": "oi"}]
        server.handle_chat_completions({"messages": messages, "max_tokens": 1, "temperature": 0})


def _wait_for_orders(parent: ParentPipe) -> float:
    """Seconds to drain for; 0 when the parent is gone."""
    while (line := parent.line()) is not None:
        order, _, argument = line.strip().partition(" ")
        if order == "drain":
            return float(argument)
    return 0.0


def _drain(server: Any, seconds: float, parent: ParentPipe) -> bool:
    """True when no request is being answered or waiting any more; False after `seconds`, or when the parent is
    gone."""
    deadline, idle = time.monotonic() + seconds, threading.Event()
    # In a thread of its own: llama.cpp may answer late (under Wine it takes seconds), and the time to leave is now.
    looking = threading.Thread(target=_look_until_idle, args=(server, idle), daemon=True)
    looking.start()
    while not idle.is_set() and time.monotonic() < deadline:
        if parent.gone(within=POLL_SECONDS):
            return False
    if idle.is_set():
        looking.join()  # it has let the server go: the caller holds the only reference
    return idle.is_set()


def _look_until_idle(server: Any, idle: threading.Event) -> None:
    quiet = 0
    while quiet < QUIET_POLLS:
        time.sleep(POLL_SECONDS)
        quiet = quiet + 1 if _requests(server) == 0 else 0
    idle.set()


def _requests(server: Any) -> int:
    """Requests being answered and waiting, from the server's own metrics (Prometheus text)."""
    total = 0
    for line in str(server.handle_metrics()).splitlines():
        if line.startswith(("llamacpp:requests_processing ", "llamacpp:requests_deferred ")):
            total += int(float(line.split()[1]))
    return total


if __name__ == "__main__":
    sys.exit(main())

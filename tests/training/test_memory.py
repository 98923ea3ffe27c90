"""How much is computed at once follows from the memory that is free."""

from __future__ import annotations

from types import SimpleNamespace

from aeon_plugin_ft.training.memory import MICRO_TOKENS, MICRO_TOKENS_GPU, micro_tokens, token_bytes
from aeon_plugin_ft.training.plan import IGNORED, Row

SMOLLM2 = SimpleNamespace(hidden_size=576, intermediate_size=1536, num_hidden_layers=30)
ROWS = [Row((*range(600), 700 + n, 5), (*[IGNORED] * 601, 5)) for n in range(4)]


def test_a_tokens_share_is_what_was_measured() -> None:
    assert 1.5e6 < token_bytes(SMOLLM2, 4) < 2.0e6, "1.7 MB, SmolLM2-135M in fp32"


def test_more_free_memory_means_more_at_once_up_to_what_is_useful() -> None:
    found = [micro_tokens(SMOLLM2, free, ROWS) for free in (1 << 30, 3 << 30, 6 << 30, 16 << 30, 256 << 30)]
    assert found == sorted(found)
    assert found[0] == MICRO_TOKENS[0] and found[-1] == MICRO_TOKENS[-1]
    assert found[1] < found[3] == 2048
    assert micro_tokens(SMOLLM2, 256 << 30, ROWS, gpu=True) == MICRO_TOKENS_GPU[-1]


def test_the_prompt_needs_its_place_too() -> None:
    short = [Row((1, n, 5), (IGNORED, IGNORED, 5)) for n in range(4)]
    assert micro_tokens(SMOLLM2, 4 << 30, ROWS) < micro_tokens(SMOLLM2, 4 << 30, short)


def test_what_is_chosen_fits() -> None:
    for free in (4 << 30, 8 << 30):
        chosen = micro_tokens(SMOLLM2, free, ROWS)
        assert (chosen + 600) * token_bytes(SMOLLM2, 4) <= free


def test_a_layer_at_a_time_only_one_layers_activations_have_to_fit() -> None:
    """Also in an estimate, which looks at some of the layers: it must choose what the run will."""
    eight_b = SimpleNamespace(hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32)
    some = SimpleNamespace(hidden_size=4096, intermediate_size=14_336, num_hidden_layers=3)
    assert micro_tokens(eight_b, 8 << 30, ROWS) == MICRO_TOKENS[0]
    found = micro_tokens(eight_b, 8 << 30, ROWS, layered=True)
    assert found == MICRO_TOKENS[-1] == micro_tokens(some, 8 << 30, ROWS, layered=True)
    assert (found + 600) * token_bytes(eight_b, 4) / 32 <= 8 << 30
    assert micro_tokens(eight_b, 6 << 30, ROWS, gpu=True, layered=True) == MICRO_TOKENS_GPU[-2]

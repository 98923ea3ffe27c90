"""tokenizer.json, tokenizer_config.json and the chat template of a training copy, from a GGUF header.

A model must be trained on the tokens it will be served, so this follows what llama.cpp does with the
same header, also where Hugging Face's own file of that model is slightly different. Two kinds are
known: byte-level BPE ("gpt2", with the splitting rules named by `tokenizer.ggml.pre`) and
SentencePiece BPE ("llama"). Format: the `tokenizers` library's JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import private
from aeon_plugin_ft.weights.gguf_file import GgufFile

_say = Speaker("errors/base")
NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4
"""ggml's token types that matter here."""

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_SPLITS: dict[str, str] = {
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "smaug-bpe": _LLAMA3,
    "qwen2": _QWEN2,
    "deepseek-r1-qwen": _QWEN2,
}
_BYTE_LEVEL_ONLY = {"gpt-2", "phi-2", "jina-es", "roberta-bpe"}
_DIGITS_FIRST = {"smollm", "starcoder", "refact", "command-r", "codeshell"}
_IGNORES_MERGES = {"llama-bpe", "llama3", "llama-v3"}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def write_tokenizer(file: GgufFile, folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja into `folder`.

    Raises BaseModelError when the tokenizer's kind is not known.
    """
    kind = str(file.get("tokenizer.ggml.model", ""))
    makers = {"gpt2": _byte_level, "llama": _sentence_piece}
    if kind not in makers:
        raise BaseModelError(*_say.error("tokenizer.kind", file=file.path.name, kind=kind))
    for name in ("tokens", "token_type", {"gpt2": "merges", "llama": "scores"}[kind]):
        if file.get(f"tokenizer.ggml.{name}") is None:
            raise BaseModelError(*_say.error("tokenizer.lacks", file=file.path.name, name=f"tokenizer.ggml.{name}"))
    tokenizer = makers[kind](file)
    _write_json(folder / "tokenizer.json", tokenizer)
    _write_json(folder / "tokenizer_config.json", _config(file))
    template = file.get("tokenizer.chat_template")
    if not template:
        raise BaseModelError(*_say.error("tokenizer.template", file=file.path.name))
    # newline="": a template's line breaks are part of the prompt, also on Windows.
    private.write_file(folder / "chat_template.jinja", template)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    private.write_file(path, json.dumps(value, ensure_ascii=False))


def _config(file: GgufFile) -> dict[str, Any]:
    tokens = file.get("tokenizer.ggml.tokens")
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(file.require("context_length")),
    }
    for key, name in {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}.items():
        number = file.get(f"tokenizer.ggml.{name}_token_id")
        if number is not None and int(number) < len(tokens):
            config[f"{key}_token"] = tokens[int(number)]
    # Batches are padded with something; padding is never looked at, so any token will do.
    config.setdefault("pad_token", config.get("eos_token"))
    return config


def _added_tokens(file: GgufFile, kinds: set[int]) -> list[dict[str, Any]]:
    tokens, types = file.get("tokenizer.ggml.tokens"), file.get("tokenizer.ggml.token_type")
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return [
        {"id": number, "content": token, **flags, "special": int(kind) in (CONTROL, UNKNOWN)}
        for number, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if int(kind) in kinds
    ]


def _post_processor(file: GgufFile, default_bos: bool) -> dict[str, Any] | None:
    """Begin every text with the BOS token where llama.cpp does."""
    bos = file.get("tokenizer.ggml.bos_token_id")
    if bos is None or not bool(file.get("tokenizer.ggml.add_bos_token", default_bos)):
        return None
    token = file.get("tokenizer.ggml.tokens")[int(bos)]
    special, text = {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    second = [{"SpecialToken": {"id": token, "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    return {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, *second],
        "special_tokens": {token: {"id": token, "ids": [int(bos)], "tokens": [token]}},
    }


# -- byte-level BPE --------------------------------------------------------------------------------


def _byte_level(file: GgufFile) -> dict[str, Any]:
    pre = str(file.get("tokenizer.ggml.pre", ""))
    tokens = file.get("tokenizer.ggml.tokens")
    merges = [merge.split(" ", 1) for merge in file.get("tokenizer.ggml.merges")]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(file, {CONTROL, USER_DEFINED}),
        "normalizer": None,
        "pre_tokenizer": _splitter(file, pre),
        "post_processor": _post_processor(file, default_bos=pre in _IGNORES_MERGES) or _BYTE_LEVEL,
        "decoder": _BYTE_LEVEL,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre in _IGNORES_MERGES,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": merges,
        },
    }


def _splitter(file: GgufFile, pre: str) -> dict[str, Any]:
    if pre in _BYTE_LEVEL_ONLY:
        return _BYTE_LEVEL
    if pre in _DIGITS_FIRST:
        return {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, _BYTE_LEVEL]}
    if pre in _SPLITS:
        split = {"type": "Split", "pattern": {"Regex": _SPLITS[pre]}, "behavior": "Isolated", "invert": False}
        return {"type": "Sequence", "pretokenizers": [split, {**_BYTE_LEVEL, "use_regex": False}]}
    raise BaseModelError(*_say.error("tokenizer.rules", file=file.path.name, rules=pre or "default"))


# -- SentencePiece BPE -----------------------------------------------------------------------------

_SPACE = "\u2581"


def _sentence_piece(file: GgufFile) -> dict[str, Any]:
    tokens = file.get("tokenizer.ggml.tokens")
    prefix = bool(file.get("tokenizer.ggml.add_space_prefix", True))
    unknown = file.get("tokenizer.ggml.unknown_token_id")
    to_bar = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    normalizer = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": _SPACE}, to_bar]}
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(file, {CONTROL, USER_DEFINED, UNKNOWN}),
        "normalizer": normalizer if prefix else to_bar,
        "pre_tokenizer": None,
        "post_processor": _post_processor(file, default_bos=True),
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None if unknown is None else tokens[int(unknown)],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": _merges(file),
        },
    }


def _merges(file: GgufFile) -> list[list[str]]:
    """SentencePiece keeps a score per piece and joins the best pair first; BPE wants the pairs in that order."""
    tokens = file.get("tokenizer.ggml.tokens")
    scores, types = file.get("tokenizer.ggml.scores"), file.get("tokenizer.ggml.token_type")
    pieces = {token for token, kind in zip(tokens, types, strict=True) if int(kind) == NORMAL}
    merges: list[tuple[float, int, int, str, str]] = []
    for number, token in enumerate(tokens):
        if token not in pieces:
            continue
        # Every way to make this piece of two others, as SentencePiece would find it.
        for at in range(1, len(token)):
            if token[:at] in pieces and token[at:] in pieces:
                merges.append((-float(scores[number]), number, at, token[:at], token[at:]))
    merges.sort()
    return [[left, right] for *_, left, right in merges]

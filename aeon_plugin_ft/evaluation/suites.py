"""Questions put to the served models, and what can be told from the answers without another model.

The prompts are ours; the tool format is Aeon's: `{"tool": "Modulo.funcao", "param": ...}` and nothing
else. A reply is checked for the ways in which a small fine-tuned model breaks: silence, no end, loops,
leaked reasoning or template tokens, another language, a tool call that does not parse.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aeon_plugin_ft.evaluation.asking import Chat, Reply, ask_all, under
from aeon_plugin_ft.evaluation.standard import Standard
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import PLACEHOLDER
from hooks.text import THINK_TAG

TOOL_PROMPTS = (
    "me lembra de tomar água daqui a uma hora",
    "coloca um timer de dez minutos",
    "abre o navegador pra mim",
    "cria um lembrete pra reunião de amanhã",
    "toca a próxima música",
    "aumenta o volume do som",
    "fecha o editor de texto",
    "me avisa quando der seis da tarde",
)
_ABOUT = (
    re.compile(r"agua|lembr|hora|60"),
    re.compile(r"\b10\b|\bdez\b|\b600\b"),
    re.compile(r"naveg|chrome|firefox|edge|opera|brave|safari|browser|web"),
    re.compile(r"reuniao|lembr"),
    re.compile(r"proxim|next|avanc|pul|faixa|musica"),
    re.compile(r"volume|aument|som|audio"),
    re.compile(r"editor|texto|code|notepad|bloco|vim|word|fech"),
    re.compile(r"\b(?:18|6)\b|seis|18:00|18h"),
)
"""What a call for each of `TOOL_PROMPTS` must speak of, in its name or its parameter."""
CHAT_PROMPTS = (
    "oi, tudo bem por aí?",
    "quem é você?",
    "o que você acha de trabalhar de madrugada?",
    "me conta alguma coisa sobre mim",
    "tô com preguiça de estudar hoje",
    "qual linguagem você usaria pra um script rápido?",
    "me explica o que é um servidor",
    "o que eu faço quando o código não roda?",
    "vale a pena usar linux?",
    "me dá uma dica pra dormir melhor",
    "você já errou alguma vez?",
    "resume o que você sabe fazer",
)
MAX_REPLY_TOKENS = 96

EMPTY = "empty"
NO_END = "does not stop"
REASONING = "leaks its reasoning"
TEMPLATE = "leaks template tokens"
PLACEHOLDER_SAID = "says a placeholder"
LOOPS = "repeats itself"
BROKEN_CALL = "breaks a tool call"
LANGUAGE = "is not Portuguese"
PERSONA = "forgets who it is"
INVENTED_TOOL = "calls a tool that does not exist"
NONSENSE = "makes no sense"

_TEMPLATE_TOKENS = re.compile(r"<\|[a-z_]+\|>|<(start|end)_of_turn>|\[/?INST\]|<</?SYS>>")
_CALL_BEGUN = re.compile(r"""(?:```(?:json)?\s*)?\{\s*["']?tool\b""")
_WORD = re.compile(r"[^\W\d_]+")
_PERSONA = re.compile(
    r"\b(?:sou|me chamo|i am|i'm|my name is)\b[^.!?\n]{0,40}"
    r"\b(?:chatgpt|gpt|openai|smollm|hugging ?face|qwen|alibaba|deepseek|gemini|llama|claude)\b"
    r"|\bcomo um(?:a)? (?:grande )?(?:modelo de linguagem|intelig[êe]ncia artificial)\b|\bas an ai\b",
    re.IGNORECASE,
)

# The commonest function words of each language that are not words of the other.
_PORTUGUESE = frozenset(
    _WORD.findall(
        "o os um uma de da das dos em na nas nos que e é não com por para pra se sua seu ao à mais mas como foi ele ela"
        " isso você tá tô já só até também então quando muito meu minha aqui eu"
    )
)
_ENGLISH = frozenset(
    _WORD.findall(
        "the of and to is in it you that was for on are with his they at be this have from by but what some we can"
        " out other were all there when up your how said an which their if will my not"
    )
)


@dataclass(frozen=True, slots=True)
class Answer:
    prompt: str
    reply: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """How one served model did. Shares are 0 to 1; `tool_valid` counts replies that are one call of valid form; where
    the host's tools are known (`tools_known`), of a tool that there is and about what was asked for. `nonsense` is how
    much of its `talk` is no Portuguese (`Sense.nonsense`)."""

    answers: tuple[Answer, ...]
    tool_valid: float
    faulty: float
    seconds: float
    nonsense: float = 0.0
    tools_known: bool = False


def run_suites(
    chat: Chat,
    system_prompt: str,
    extra_prompts: Sequence[str] = (),
    standard: Standard | None = None,
    at_once: int = 1,
) -> SuiteResult:
    """Put every prompt to one served model, `at_once` of them side by side; `standard` is what this owner's assistant
    is held to. Whatever `chat` raises goes through: no answer, no measurement."""
    held_to = standard or Standard()
    prompts = (*TOOL_PROMPTS, *CHAT_PROMPTS, *extra_prompts)
    replies = ask_all(chat, [under(system_prompt, prompt) for prompt in prompts], MAX_REPLY_TOKENS, at_once)
    judged = tuple(
        Answer(prompt, reply.text, (*faults(reply), *against(held_to, reply.text)))
        for prompt, reply in zip(prompts, replies, strict=True)
    )
    known = bool(held_to.tools)
    calls = sum(
        is_tool_call(answer.reply)
        and INVENTED_TOOL not in answer.faults
        and (not known or fits(answer.prompt, answer.reply))
        for answer in judged[: len(TOOL_PROMPTS)]
    )
    return SuiteResult(
        judged,
        calls / len(TOOL_PROMPTS),
        sum(bool(answer.faults) for answer in judged) / len(judged),
        sum(reply.seconds for reply in replies) / len(replies),
        held_to.sense.nonsense(talk(reply.text for reply in replies)),
        known,
    )


def talk(texts: Iterable[str]) -> list[str]:
    """The replies of which it is asked whether they make sense: no tool calls, and none that repeats itself, which is a
    fault of its own and would count once more with each time around."""
    return [text for text in texts if not is_tool_call(text) and not loops(text)]


def fits(prompt: str, call: str) -> bool:
    """Whether a valid call is about what was asked for: "Cara.tema" is none for a timer. True for a prompt that is none
    of `TOOL_PROMPTS`."""
    about = dict(zip(TOOL_PROMPTS, _ABOUT, strict=True)).get(prompt)
    if about is None:
        return True
    said = json.loads(call)
    parameter = said.get("param", "")
    plain = parameter if isinstance(parameter, str) else json.dumps(parameter, ensure_ascii=False)
    name = re.sub(r"[._]+", " ", str(said["tool"]))
    return about.search(fold_accents(f"{name} {plain}")) is not None


def against(standard: Standard, text: str) -> tuple[str, ...]:
    """What is wrong with a reply by this owner's own standard. Takes milliseconds: not for the turn's thread."""
    if is_tool_call(text):
        return () if standard.has_tool(json.loads(text)["tool"]) else (INVENTED_TOOL,)
    return (NONSENSE,) if standard.sense.is_nonsense(text) else ()


def answers(chat: Chat, system_prompt: str, prompts: Sequence[str]) -> list[str]:
    """The replies alone, in order. Whatever `chat` raises goes through."""
    return [chat(under(system_prompt, prompt), MAX_REPLY_TOKENS).text for prompt in prompts]


def faults(reply: Reply) -> tuple[str, ...]:
    """What is wrong with a reply, in the order of the checks; empty when nothing is."""
    text = reply.text.strip()
    found_faults = []
    if not text:
        return (EMPTY,)
    call = is_tool_call(text)
    for fault, has in (
        (NO_END, not reply.stopped),
        (REASONING, THINK_TAG.search(text) is not None),
        (TEMPLATE, _TEMPLATE_TOKENS.search(text) is not None),
        (PLACEHOLDER_SAID, PLACEHOLDER.search(text) is not None),
        # Also for tool calls: a call may repeat its parameter for ever.
        (LOOPS, loops(text)),
        (BROKEN_CALL, not call and _CALL_BEGUN.match(text) is not None),
        (LANGUAGE, not call and not looks_portuguese(text)),
        (PERSONA, not call and _PERSONA.search(text) is not None),
    ):
        if has:
            found_faults.append(fault)
    return tuple(found_faults)


def is_tool_call(text: str) -> bool:
    """Exactly one JSON object with "tool": "Modulo.funcao", and nothing around it."""
    try:
        call = json.loads(text.strip())
    except ValueError:
        return False
    return isinstance(call, dict) and bool(re.fullmatch(r"\w+\.\w+", str(call.get("tool", ""))))


def loops(text: str) -> bool:
    """The same three words in a row make up more than a third of a reply of at least 20 words."""
    words = _WORD.findall(text.lower())
    if len(words) < 20:
        return False
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    # Three words for each time it occurs.
    return max(triples.values()) * 3 > len(words) / 3


def looks_portuguese(text: str) -> bool:
    """More Portuguese than English function words. Too short to tell (no such word at all) passes."""
    words = [word.lower() for word in _WORD.findall(text)]
    portuguese = sum(word in _PORTUGUESE for word in words)
    english = sum(word in _ENGLISH for word in words)
    return english == 0 or portuguese >= english

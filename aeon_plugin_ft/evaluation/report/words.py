"""The words of the report page: checks, faults and numbers as a Brazilian reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_plugin_ft.causes import Unknown
from aeon_plugin_ft.evaluation import suites
from aeon_plugin_ft.evaluation.exam import learnt
from aeon_plugin_ft.evaluation.model import Check, CheckKind
from aeon_plugin_ft.evaluation.today import WON

FAULTS = {
    suites.EMPTY: "vazia",
    suites.NO_END: "não para",
    suites.REASONING: "deixa escapar o raciocínio",
    suites.TEMPLATE: "mistura sinais técnicos",
    suites.PLACEHOLDER_SAID: "diz uma marca de dado pessoal",
    suites.LOOPS: "repete-se",
    suites.BROKEN_CALL: "estraga um comando",
    suites.LANGUAGE: "não é português",
    suites.PERSONA: "esquece quem é",
    suites.INVENTED_TOOL: "chama um comando que não existe",
    suites.NONSENSE: "não faz sentido",
}
MARKS = {"right": "certa", "wrong": "errada", "unsure": "não soube", "invented": "inventou"}
"""What a reply in the exam is worth; the keys are the values of evaluation.exam.Mark."""
UNKNOWNS = {
    Unknown.DATA.value: "Não se sabe com que dados foi treinada: pode ter visto conversas com que foi julgada.",
    Unknown.DATA_CHANGED.value: "Os exemplos exportados não são mais os mesmos: pode ter aprendido outros.",
    Unknown.BASE.value: "Os arquivos dela não citam este modelo base; as medidas das camadas são as dele.",
    Unknown.RECIPE.value: "Não se sabe como foi treinada.",
}
"""What is not known of a version that was trained elsewhere."""
NOT_SAID = {
    "merged": "não se sabe: veio como modelo já fundido",
    "whole": "não se sabe: veio como modelo inteiro, num só arquivo",
}
"""Who trained it, where its files tell only what it is (weights.foreign.Trainer)."""
_NAMES = {
    CheckKind.HELDOUT_SET: "Conversas de prova",
    CheckKind.FIT: "Respostas combinam com as perguntas",
    CheckKind.GENERAL: "Conhecimento geral",
    CheckKind.TOOLS: "Comandos",
    CheckKind.REPLIES: "Respostas",
    CheckKind.FAULT_KINDS: "Tipos de defeito",
    CheckKind.SECRETS: "Segredos",
    CheckKind.SENSE: "Fala com sentido",
    CheckKind.EXAM: "O que você contou",
    CheckKind.INVENTION: "O que você nunca contou",
    CheckKind.TODAY: "Contra o que responde hoje",
    CheckKind.UNKNOWN: "Outra prova",
}


def fidelity_words(served: Mapping[str, Any]) -> str:
    """How faithfully the served model says what its adapter says; "" where no merge was measured."""
    if "lowest_share" not in served:
        return ""
    kept = f"{thousands(served['tensors'])} partes, cada uma com pelo menos {percent(served['lowest_share'])} do ajuste"
    if "kl" not in served:
        return f"{kept}; não foi comparada com o adaptador"
    kl = f"{served['kl']:.4f}".replace(".", ",")
    return f"{kept}; a {kl} nats por palavra do adaptador (no máximo {decimal(served['limit'])})"


def check_name(check: Check) -> str:
    """The name of a check for the owner."""
    if check.kind is CheckKind.GAIN:
        return "Contra o modelo sem treino" if check.against == "base" else f"Contra a versão {check.against}"
    return _NAMES[check.kind]


def check_words(check: Check, numbers: Mapping[str, float], candidate: str) -> str:
    """A check in one Portuguese sentence made from its numbers; what was not measured is said to be so."""

    def pair(kind: str, baseline: str = "base") -> tuple[float, float] | None:
        ours, theirs = numbers.get(f"{kind}.{candidate}"), numbers.get(f"{kind}.{baseline}")
        return None if ours is None or theirs is None else (ours, theirs)

    if check.kind is CheckKind.GAIN:
        losses = pair("loss", check.against)
        return f"Perda {decimal(losses[0])}; antes, {decimal(losses[1])}." if losses else _UNMEASURED
    kind = {CheckKind.FIT: "fit", CheckKind.GENERAL: "general"}.get(check.kind)
    if kind:
        losses = pair(kind)
        what = "Ganho por palavra com a pergunta certa" if kind == "fit" else "Perda em português geral"
        return f"{what}: {decimal(losses[0])}; antes, {decimal(losses[1])}." if losses else _UNMEASURED
    shares = {CheckKind.TOOLS: ("tool_valid", "válidos"), CheckKind.REPLIES: ("faulty", "com defeito")}
    share = shares.get(check.kind)
    if share:
        losses = pair(share[0])
        return f"{percent(losses[0])} {share[1]}; antes, {percent(losses[1])}." if losses else _UNMEASURED
    if check.kind is CheckKind.SENSE:
        senseless = numbers.get(f"nonsense.{candidate}")
        return _UNMEASURED if senseless is None else f"{percent(senseless)} das palavras não fazem sentido onde estão."
    if check.kind is CheckKind.TODAY:
        return today_words(check, numbers, candidate)
    if check.kind in {CheckKind.EXAM, CheckKind.INVENTION}:
        return exam_words(numbers, candidate) or ("Não houve perguntas." if check.passed else _UNMEASURED)
    return "Tudo certo." if check.passed else "Há um problema, ou faltou medir."


def exam_words(numbers: Mapping[str, float], candidate: str) -> str:
    """ "Sabe 41 das 50 coisas que você contou; antes 3; inventou 2."; "" where there was no exam."""
    counts = learnt(numbers, candidate)
    if counts is None:
        return ""
    things = "da única coisa" if counts.told == 1 else f"das {thousands(counts.told)} coisas"
    return (
        f"Sabe {thousands(counts.known)} {things} que você contou; antes {thousands(counts.before)};"
        f" inventou {thousands(counts.invented)}."
    )


def today_words(check: Check, numbers: Mapping[str, float], candidate: str) -> str:
    """Who won against what answers the owner now, or that it is not known."""
    if WON not in numbers:
        return "Não foi comparada com o que responde hoje, e por isso não responde no lugar dele."
    word = "melhor que" if numbers[WON] else "não é melhor que"
    right = numbers.get("exam.right.today")
    known = "" if right is None else f" Das coisas que você contou, ele soube {thousands(right)}."
    return f"Esta versão {'é ' if numbers[WON] else ''}{word} o que responde hoje.{known}"


_UNMEASURED = "Não foi medido, e sem medida não há aprovação."


def decimal(value: float) -> str:
    """ "2,31"."""
    return f"{value:.2f}".replace(".", ",")


def percent(share: float) -> str:
    """ "12,5 %"; whole ones without a comma."""
    return f"{share * 100:.1f}".removesuffix(".0").replace(".", ",") + " %"


def thousands(count: float) -> str:
    """ "1.234"."""
    return f"{count:,.0f}".replace(",", ".")


def span(seconds: float) -> str:
    """ "3 min 20 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"

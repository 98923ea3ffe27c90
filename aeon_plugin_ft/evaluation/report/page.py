"""The verdict as one self-contained page in Brazilian Portuguese, for the owner to read and to keep.

Nothing is loaded from anywhere: styles and the curve are inline, and a content security policy forbids the
rest. Every text from a model or a file is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from aeon_plugin_ft.evaluation.model import Check, Verdict
from aeon_plugin_ft.evaluation.report.collect import TODAY
from aeon_plugin_ft.evaluation.report.drawing import loss_curve
from aeon_plugin_ft.evaluation.report.words import (
    FAULTS,
    MARKS,
    NOT_SAID,
    UNKNOWNS,
    check_name,
    check_words,
    decimal,
    exam_words,
    fidelity_words,
    percent,
    span,
    thousands,
)
from aeon_plugin_ft.evaluation.sentences import check_detail
from aeon_plugin_ft.messages import Language
from aeon_plugin_ft.turns.model import KNOWN_FROM

STYLE = """
:root{color-scheme:light dark;--ok:#137333;--no:#b3261e;--line:#8884;--soft:#8881;--accent:#0b57d0}
@media(prefers-color-scheme:dark){:root{--ok:#81c995;--no:#f2b8b5;--accent:#a8c7fa}}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1.5rem 1rem}
h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p{margin:.4rem 0}
.badge{display:inline-block;padding:.15rem .7rem;border-radius:1rem;border:1px solid;font-weight:600}
.ok{color:var(--ok)}.no{color:var(--no)}.muted{opacity:.75;font-size:.9em}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line)}
td{overflow-wrap:anywhere}td.ok,td.no{white-space:nowrap}td.answer{white-space:pre-wrap;min-width:12rem}
svg{width:100%;height:auto;font-size:12px;fill:currentColor}
.axis{fill:none;stroke:currentColor;opacity:.4}.dots{opacity:.35}
.line{fill:none;stroke:var(--accent);stroke-width:2.5}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dt{opacity:.75}dd{margin:0;overflow-wrap:anywhere}
code{background:var(--soft);padding:.1rem .35rem;border-radius:.3rem}
@media(max-width:36rem){dl{grid-template-columns:1fr}dt{margin-top:.5rem}}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html_page(name: str, created: float, verdict: Verdict, report: Mapping[str, Any]) -> str:
    """The whole page. `report` is the version's report.json ("{}" where it was forgotten)."""
    parts = [
        _head(name, created, verdict, elsewhere="origin" in report),
        _changed(name, verdict),
        _checks(verdict, name),
        _curve(report),
        _answers(report, name),
        _exam(report, name),
        _origin(report),
        _data(report),
        _recipe(report),
        _undo(name, verdict),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="pt-BR"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Relatório da versão {escape(name)}</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(part for part in parts if part)
        + "</main></body></html>\n"
    )


def _head(name: str, created: float, verdict: Verdict, *, elsewhere: bool) -> str:
    kind, word = ("ok", "aprovada") if verdict.accepted else ("no", "recusada")
    made = datetime.fromtimestamp(created).astimezone().strftime("%d/%m/%Y às %H:%M")
    return (
        f'<h1>Versão {escape(name)} <span class="badge {kind}">{word}</span></h1>'
        f'<p class="muted">{"Trazida de fora" if elsewhere else "Treinada"} e julgada em {made}, neste computador.</p>'
    )


def _changed(name: str, verdict: Verdict) -> str:
    numbers, sentences = verdict.numbers, []
    for baseline, label in ((key.removeprefix("gain."), key) for key in numbers if key.startswith("gain.")):
        gain = numbers[label]
        word = "melhor" if gain > 0 else "pior"
        of = "o modelo sem treino" if baseline == "base" else f"a versão {baseline}"
        sentences.append(f"Nas conversas de prova, saiu-se {percent(abs(gain))} {word} que {of}.")
    tools, before = numbers.get(f"tool_valid.{name}"), numbers.get("tool_valid.base")
    if tools is not None and before is not None:
        what = "Comandos certos" if numbers.get("tools_known") else "Comandos com forma válida"
        sentences.append(f"{what}: {percent(tools)} (antes {percent(before)}).")
    faulty, before = numbers.get(f"faulty.{name}"), numbers.get("faulty.base")
    if faulty is not None and before is not None:
        sentences.append(f"Respostas com defeito: {percent(faulty)} (antes {percent(before)}).")
    exam = exam_words(numbers, name)
    if exam:
        sentences.insert(0, exam)
    if not verdict.accepted:
        sentences.insert(0, "Ela não será usada. O que pesou está marcado em vermelho abaixo.")
    return _section("O que mudou", "".join(f"<p>{escape(text)}</p>" for text in sentences or ["Nada foi medido."]))


def _checks(verdict: Verdict, name: str) -> str:
    rows = "".join(_check(check, verdict.numbers, name) for check in verdict.checks)
    return _section("A prova", f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>')


def _check(check: Check, numbers: Mapping[str, float], name: str) -> str:
    kind, mark = ("ok", "passou") if check.passed else ("no", "não passou")
    words = check_words(check, numbers, name)
    tongue = ' lang="en"' if check.said is None else ""
    detail = escape(check_detail(check, Language.PT))
    return (
        f'<tr><td class="{kind}">{mark}</td><th scope="row">{escape(check_name(check))}</th>'
        f'<td>{escape(words)}<div class="muted"{tongue}>{detail}</div></td></tr>'
    )


def _curve(report: Mapping[str, Any]) -> str:
    points = [(float(step), float(loss)) for step, loss in report.get("curve", [])]
    drawn = loss_curve(points, "Perda de treino a cada passo")
    if not drawn:
        return ""
    note = '<p class="muted">Perda por passo; quanto menor, melhor. A linha é a média dos passos vizinhos.</p>'
    return _section("Curva de treino", drawn + note)


def _answers(report: Mapping[str, Any], name: str) -> str:
    suites = report.get("suites", {})
    order = dict.fromkeys(("base", str(report.get("current")), TODAY, name))
    models = [model for model in order if model in suites]
    if not models:
        return ""
    head = "".join(f'<th scope="col">{escape(_model(model))}</th>' for model in models)
    columns = [suites[model]["answers"] for model in models]
    rows = "".join(_answer_row(answers) for answers in zip(*columns, strict=False))
    table = f'<table><thead><tr><th scope="col">Pergunta</th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return _section("Respostas lado a lado", f'<div class="scroll">{table}</div>')


def _answer_row(answers: Sequence[Mapping[str, Any]]) -> str:
    return f'<tr><th scope="row">{escape(answers[0]["prompt"])}</th>{"".join(map(_answer, answers))}</tr>'


def _answer(answer: Mapping[str, Any]) -> str:
    faults = ", ".join(FAULTS.get(fault, fault) for fault in answer["faults"])
    note = f'<div class="no muted">{escape(faults)}</div>' if faults else ""
    return f'<td class="answer">{escape(answer["reply"].strip()) or "(nada)"}{note}</td>'


def _exam(report: Mapping[str, Any], name: str) -> str:
    """What was asked about what the owner told, and how it was marked."""
    rows = "".join(
        f'<tr><th scope="row">{escape(answer["question"])}</th>'
        f'<td class="answer">{escape(answer["reply"].strip())}</td>'
        f'<td class="{"ok" if answer["mark"] in _GOOD_MARKS else "no"}">{MARKS.get(answer["mark"], "")}</td></tr>'
        for answer in (report.get("exams") or {}).get(name, [])
    )
    return _section("O exame", f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>') if rows else ""


_GOOD_MARKS = {"right", "unsure"}


def _origin(report: Mapping[str, Any]) -> str:
    """Who trained it where it was not trained here, and what of that nobody knows."""
    origin = report.get("origin")
    if not origin:
        return ""
    rows = [
        ("Treinada por", NOT_SAID.get(str(origin.get("trainer")), str(origin.get("trainer", "")))),
        ("Modelo que ela diz ter", str(origin.get("base_named", ""))),
        ("Conjunto exportado", str(origin.get("dataset") or "não se sabe")),
        ("Provas postas de lado", thousands(origin["aside"]) if origin.get("aside") else ""),
        ("Parte do modelo fundido que ficou", percent(origin["kept"]) if origin.get("kept", 1.0) < 1.0 else ""),
        ("Impressão digital", str(origin.get("digest", ""))),
    ]
    unknown = "".join(f"<p>{escape(UNKNOWNS.get(one, one))}</p>" for one in origin.get("unknown", []))
    return _section("De onde veio", _pairs(rows) + unknown)


def _data(report: Mapping[str, Any]) -> str:
    data = report.get("data")
    if not data:
        return _section("Com que dados", "<p>Os dados desta versão foram esquecidos a pedido do dono.</p>")
    rows = [
        ("Conjunto", str(data["dataset"])),
        ("Exemplos de treino", thousands(data["train"])),
        ("Exemplos só de prova", thousands(data["heldout"])),
        ("Período", _period(data.get("since"), data.get("until"))),
        ("Origem", ", ".join(f"{source}: {thousands(count)}" for source, count in data.get("sources", {}).items())),
        ("Deixados de fora", ", ".join(f"{why}: {thousands(n)}" for why, n in data.get("dropped", {}).items())),
    ]
    return _section("Com que dados", _pairs(rows))


def _recipe(report: Mapping[str, Any]) -> str:
    training, recipe = report.get("training", {}), report.get("recipe", {})
    rows = [
        ("Modelo base", str(report.get("base", ""))),
        ("Passos", thousands(training["steps"]) if "steps" in training else ""),
        ("Duração", span(training["seconds"]) if "seconds" in training else ""),
        ("Taxa de aprendizado", f"{recipe['learning_rate']:g}" if "learning_rate" in recipe else ""),
        ("Posto do LoRA", str(recipe.get("rank", ""))),
        ("Passagens pelos dados", decimal(recipe["epochs"]) if "epochs" in recipe else ""),
        ("Impressão digital servida", str(report.get("served_digest", ""))),
        ("Fidelidade do modelo servido", fidelity_words(report.get("served", {}))),
    ]
    return _section("Como foi treinada", _pairs(rows))


def _undo(name: str, verdict: Verdict) -> str:
    if not verdict.accepted:
        return _section("Como desfazer", "<p>Não há o que desfazer: o modelo em uso continua o mesmo.</p>")
    return _section(
        "Como desfazer",
        "<p>Diga <q>volta o modelo anterior</q>, ou rode <code>aeon-ft rollback</code>."
        f" Para usá-la de novo: <code>aeon-ft use {escape(name)}</code>. Nada disso precisa de rede.</p>",
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    listed = "".join(f"<dt>{label}</dt><dd>{escape(value)}</dd>" for label, value in rows if value)
    return f"<dl>{listed}</dl>"


def _model(name: str) -> str:
    return {"base": "sem treino", TODAY: "o que responde hoje"}.get(name, name)


def _period(since: float | None, until: float | None) -> str:
    known = [at for at in (since, until) if at is not None and at >= KNOWN_FROM]
    days = dict.fromkeys(datetime.fromtimestamp(at).astimezone().strftime("%d/%m/%Y") for at in known)
    return " a ".join(days)

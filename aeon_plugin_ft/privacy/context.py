"""What the words around a number say that it is."""

from __future__ import annotations

import re

from aeon_plugin_ft.privacy.model import Kind
from aeon_plugin_ft.privacy.text import ScannedText

_WORDS: dict[Kind | None, str] = {
    Kind.CPF: r"cpfs?|c p f|cadastro de pessoa",
    Kind.CNPJ: r"cnpjs?|c n p j",
    Kind.CARD: r"cartao|cartoes|credito|debito|visa|mastercard|master|hipercard|amex",
    Kind.RG: r"rg|r g|identidade|registro geral",
    Kind.CNH: r"cnh|c n h|habilitacao|carteira de motorista|carta de motorista",
    Kind.PHONE: r"telefones?|celular(?:es)?|cel|whats|whatsapp|zap|zapzap|fones?|tel"
    r"|(?:meu|telefone|numero|no|o) fixo|ramal"
    r"|contato|lig(?:a|o|ar|ue|uei|ou|aram)|sms|telegram|disca|disque|recado|chama no|meu numero|numero d[aeo]l?[aeo]?",
    Kind.CEP: r"cep|c e p|codigo postal",
    Kind.DOCUMENT: r"pis|pasep|nis|nit|titulo de eleitor|titulo eleitoral|titulo|passaporte|cartao (?:do )?sus|cns|sus"
    r"|ctps|carteira de trabalho|renavam|reservista|imei|beneficio|inscricao (?:estadual|municipal)|ie|cidadao"
    r"|cartao nacional de saude",
    Kind.PIX: r"pix",
    None: r"pedido|protocolo|notas? fiscal|nf|nfe|rastreio|rastreamento|rastrear|encomenda|processo|boleto|barras"
    r"|serie|serial|patrimonio|chamado|ticket|ordem|servico|versao|isbn|ean|sku|precos?|r\$|us\$|reais|dolares|build"
    r"|commit|artigo|lei|matricula|issue|pr|lote|modelo|nsu|timestamp|porta|id|registro|voo|reserva|edital|codigo"
    r"|inscricao|produto|potencia|resistencia|tensao|frequencia|formato|exemplo|mascara|chip|filme|item|loteria|mega|medidor|hidrometro|contador|populacao|habitantes|bytes|hash|contrato|senha",
}
_ANY = re.compile(
    r"(?<![a-z0-9])(?:"
    + "|".join(f"(?P<g{index}>{words})" for index, words in enumerate(_WORDS.values()))
    + r")(?![a-z0-9])"
)
_KINDS = list(_WORDS)


class Hint:
    """The nearest word in front of (or, failing that, just behind) a number. `kind` is what it announces;
    `other` says that it announces something that is nobody's personal data, such as an order number."""

    __slots__ = ("kind", "other")

    def __init__(self, kind: Kind | None, other: bool) -> None:
        self.kind, self.other = kind, other


def hint(source: ScannedText, start: int, end: int) -> Hint:
    """What the words around source.raw[start:end] announce."""
    hints = list(_ANY.finditer(source.before(start)))
    if hints:
        return _read(hints[-1])
    behind = re.search(
        r"^[\s,;:]*(?:e|eh|esse e|este e|que e)?\s*(?:o|a)?\s*(?:meu|minha|seu|sua|do|da)?\s*", source.after(end)
    )
    rest = source.after(end)[behind.end() if behind else 0 :]
    match = _ANY.match(rest)
    return _read(match) if match else Hint(None, False)


def _read(match: re.Match[str]) -> Hint:
    kind = _KINDS[int((match.lastgroup or "g0")[1:])]
    return Hint(kind, kind is None)

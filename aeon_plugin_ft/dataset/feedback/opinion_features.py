"""What the small model of opinions sees of a sentence: its letters, its words, and the shape that its words make.

The shape is what carries over to words that no training sentence had: who is spoken to, what was asked for, what is
denied, how verbs end, and whether the reply before did something, told something, made something or gave up.
"""

from __future__ import annotations

import re

from aeon_plugin_ft.privacy.folding import fold_in_place

LONGEST_RUN = 5
"""Letters."""
_TOKEN = re.compile(r"[a-z0-9]+|[^\w\s,.;:'\"()-]")
_CLASSES = {
    "YOU": "voce vc ce tu te ti contigo aeon",
    "YOUR": "tua teu sua seu teus tuas",
    "ASKED": "pedi perguntei falei disse mandei queria quis expliquei avisei repeti quero pedido pergunta ditei"
    " escrevi",
    "NOT": "nao n nem nunca nada nenhum nenhuma ninguem jamais sem num",
    "DO": "poe bota toca manda coloca abre fecha liga desliga aumenta baixa muda faz conta diz mostra le escreve traduz"
    " resume salva anota lembra avisa chama cancela apaga tira passa troca soma divide multiplica continua pausa pula"
    " imprime copia procura busca pesquisa acrescenta adiciona deixa acende guarda posta digita marca compra acorda",
    "WHAT": "qual quais quem quando onde quanto quantos quantas como porque",
    "ME": "eu me meu minha meus minhas mim comigo",
    "THEY": "ele ela eles elas dele dela",
    "VERY": "muito demais tao super mt mto bem bastante mega",
    "THIS": "isso essa esse isto aquilo disso nisso dessa desse essas esses",
    "WHEN": "hoje amanha ontem depois agora domingo segunda terca quarta quinta sexta sabado semana mes ano",
    "IS": "e eh era foi ta esta ficou fica ser sao tava",
}
_CLASS_OF = {word: name for name, words in _CLASSES.items() for word in words.split()}
_GAVE_UP = re.compile(r"\b(?:desculpe?|nao sei|nao consigo|nao entendi|infelizmente|nao posso)\b")
_DID = re.compile(
    r"(?:(?:pronto|feito|ok|certo|claro)\b[\s,!.]*)?(?:[a-z]{3,}[ei]i\b|[a-z]{2,}i\b|pronto|feito|(?:timer|lembrete|despertador"
    r"|alarme|mensagem|nota)\b)"
)
_MADE = re.compile(r"\b(?:receita|sugiro|recomendo|sugestao|sugestoes|piada|escrevi|texto|poema)\b")


def features(text: str, reply: str | None) -> set[str]:
    """What the model sees of a sentence said after a reply."""
    tokens = _TOKEN.findall(re.sub(r"(.)\1{2,}", r"\1\1", fold_in_place(text)))
    return _letters(tokens) | _shape(tokens) | _beside(tokens, reply)


def _letters(tokens: list[str]) -> set[str]:
    seen = {f"w:{one} {two}" for one, two in zip(["^", *tokens], [*tokens, "$"], strict=True)}
    seen |= {f"w:{token}" for token in tokens} | {f"n:{min(len(tokens), 9)}"}
    line = f" {' '.join(tokens)} "
    return seen | {line[at : at + size] for size in range(2, LONGEST_RUN + 1) for at in range(len(line) - size + 1)}


def _shape(tokens: list[str]) -> set[str]:
    """Runs of up to three classes; other words count by their last two letters, or as they are."""
    classes = [_class(token) for token in tokens]
    endings = [one or (f"~{token[-2:]}" if len(token) > 3 else "_") for one, token in zip(classes, tokens, strict=True)]
    words = [one or token for one, token in zip(classes, tokens, strict=True)]
    seen = {f"c:{one}" for one in endings}
    for name, line in (("c", ["^", *endings, "$"]), ("m", ["^", *words, "$"])):
        seen |= {f"{name}:{' '.join(line[at : at + size])}" for size in (2, 3) for at in range(len(line) - size + 1)}
    return seen


def _beside(tokens: list[str], reply: str | None) -> set[str]:
    """What there is to see beside the reply: shared words, and each class after a reply of its sort."""
    sort = _sort(reply)
    seen = {f"k:{sort}"} | {f"k:{sort}:{one}" for one in map(_class, tokens) if one}
    if reply is None:
        return seen
    told = set(_TOKEN.findall(fold_in_place(reply)))
    shared = sum(len(token) > 3 and token in told for token in tokens)
    return seen | {f"r:{min(shared, 2)}"} | ({"r:?"} if reply.rstrip().endswith("?") else set())


def _class(token: str) -> str | None:
    return "NUM" if token[0].isdigit() else _CLASS_OF.get(token)


def _sort(reply: str | None) -> str:
    if reply is None:
        return "none"
    folded = fold_in_place(reply).strip()
    if folded.endswith("?"):
        return "asks"
    if _GAVE_UP.search(folded):
        return "gave up"
    if _DID.match(folded):
        return "did"
    return "made" if _MADE.search(folded) else "told"

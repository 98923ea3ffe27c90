"""Where somebody lives and what they drive or connect with: addresses, licence plates, IP and MAC addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy.context import hint
from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.number_words import ALL as NUMBER_WORDS
from aeon_plugin_ft.privacy.text import ScannedText, vocabulary

_STREET = (
    r"(?:ruas?|r\.|avenida|av\.?|travessa|tv\.|alameda|al\.|rodovia|rod\.|estrada|praca|largo|viela|beco|servidao"
    r"|ladeira)"
)
_SPOKEN_NUMBER = r"(?:(?:" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + r"|mil)(?:\s+e)?\s*)+"
_HOUSE = rf"(?:\d{{1,5}}(?![\d%])(?:\s?-\s?[a-z]\b)?|s/n\b|{_SPOKEN_NUMBER}\b)"
_NUMBER_SIGN = r"(?:n[ºo°]\.?|n\.|numero|num\.?|casa|predio|lote)"
_MORE = (
    r"(?:\s*[,\-]?\s*(?:apto?\.?|apartamento|ap\.?|bloco|bl\.?|torre|casa|sala|fundos|quadra|lote|conjunto)\s*"
    rf"(?:n[ºo°]\s*)?(?:\d{{1,5}}\s?[a-z]?\b|[a-z]\b|{_SPOKEN_NUMBER}\b)?)*"
)
_NAME = r"[\w'.]+(?:\s+[\w'.]+){0,5}?"
_AFTER_STREET = r"(?:e|que|com|perto|desde|ha|em|no|na|faz|mas|quando|pra|para|por)"
_ADDRESS = re.compile(
    rf"(?<!\w){_STREET}\s+(?P<name>{_NAME})(?P<sign>\s*,?\s*{_NUMBER_SIGN}\s*|\s*,\s*|\s+)(?P<house>{_HOUSE}){_MORE}"
)
_LIVES = re.compile(
    r"(?:mor(?:o|a|amos|am|ava)|resid(?:o|e|imos)|endereco\s+(?:e|eh|fica)|(?:minha|nossa)\s+casa\s+(?:e|fica)"
    r"|entreg(?:a|ar|ue)|mudei\s+pra)\s+(?:na|no|em|pra|aqui\s+na)?\s*"
    rf"(?P<street>{_STREET}\s+[\w'.]+(?:\s+(?:d[aeo]s?|e)\s+[\w'.]+|\s+(?!{_AFTER_STREET}\b)[\w'.]+){{0,4}})"
)
_NOT_A_NAME = vocabulary(
    "que passou passaram tem tinha tinham havia fica ficou com tava estava esta vai foi eram era e la aqui ali"
    " ontem hoje mais por cheia vazia toda todo inteira deserta as ate em sem nao eu ele ela nos so quando onde tipo"
)
_COUNTED = re.compile(
    r"\s+(?!apto?|apartamento|ap|bloco|casa|no|na|em|de|do|da|esquina|perto|e|centro|bairro)[a-z]+s\b"
    r"|\s*(?:%|metros|km|horas|h\b|reais)"
)
_ENDS = re.compile(
    r"\s*(?:$|[,.;!?\n\"]|(?:apto?|apartamento|ap|bloco|casa|no|na|em|bairro|centro|perto|esquina|e|pra|por|ta|as|hoje)\b)"
)
_LIVES_AT = re.compile(
    rf"\b(?:mor[oa]|moramos|resid[oe])\s+n[ao]\s+(?P<place>{_NAME}\s*(?:,|\s{_NUMBER_SIGN})\s*{_HOUSE}{_MORE})"
)
_CAR = re.compile(r"\b(?:placas?|carro|moto|veiculo|caminhao|multa|detran|estacion\w+|guincho|uber|taxi)\b")
_GRAPHICS_CARD = re.compile(r"\bplacas? (?:de (?:video|rede|som)|mae|grafica|solar)\b")
_PLATE = re.compile(r"(?<![a-z0-9])(?P<letters>[a-z]{3})(?P<gap>[- ]?)(?P<rest>\d{4}|\d[a-z]\d{2})(?![a-z0-9]|[-.]\d)")
_SPELLED_PLATE = re.compile(
    rf"placa\D{{0,20}}?(?P<plate>\b(?:[a-z]\s+){{3}}(?:(?:\d|e|{'|'.join(NUMBER_WORDS)})\b\s*|[a-z]\b\s*){{2,9}})"
)
_YEAR = re.compile(r"19[5-9]\d|20[0-3]\d")
_CLOCK = re.compile(r"\dh[0-5]\d")
_MINE = r"(?:[mts]eu|nosso|minha|nossa|[ts]ua)"
_PLATE_SAID = re.compile(
    rf"\bplacas?(?: (?:del[ae]|d[aeo] (?:{_MINE} )?(?!{_MINE}\b)\w+))?"
    r"(?:[\s:=,]+(?:e|eh|era|numero|aqui|ai))*[\s:=,]*$"
)
"""Right in front of the plate itself: "a placa do meu carro é", but not "a placa do meu"."""
_PLAIN_WORDS = vocabulary(
    "por com deu fez sai foi era ser sao sob tem ter vai vou das dos nos nas aos uns uma que mas nem ate sem mil"
    " cem faz fiz dei vem ver viu ele ela meu seu pro pra ano rua gol uno fit fox ram kia bmw jac byd gwm crv hrv"
    " wrv zrv rav biz pop fan xre xtz nxr dez bem mal tal cor sei dai ali num tao gas ipi"
)
"""What stands in front of a number in any talk, and makes and models of three letters, in front of their year."""
_PRODUCTS = vocabulary(
    "gtx rtx iso usb nbr rfc iec ddr cve pep gpt csv php lei art ano jan fev mar abr mai jun jul ago set out nov dez"
    " dia lga ssd cpu nvr htt vga esp stm avr pic rpi lcd led ngc thx mec cfm abn"
)
_NAMED_OTHERWISE = re.compile(
    r"\b(?:filme|portaria|voo|galaxia|norma|resolucao|decreto|lei|asteroide|cometa|satelite|nave|foguete|robo|tinta|cartucho"
    r"|processador|sensor|modulo|roteador|impressora|calculadora|modelo|chip|linha|serie|nbr|iso)\s+(?:\w+\s+)?$"
)
_PART_OF = re.compile(
    r"\s+(?:d[aeo]\s+)?(?:arduino|wi-?fi|rede|video|som|desenvolvimento|iot|bluetooth|esp\w*|micro\w+|robo\w*|sensor\w*)"
)
"""A board is called "placa" too."""
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|[.,/]\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_MAC = re.compile(
    r"(?<![\w:-])(?:(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})(?![\w:-])"
)
_PUBLIC_IPS = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "255.255.255.255", "0.0.0.0"})
_VERSION = re.compile(r"(?:versao|version|release|firmware|driver|build|atualiz\w+|\bv)\s*(?:\w+\s+)?$")


_BLOCK = re.compile(
    r"\bbloco\s+\w{1,4}\s*,?\s*(?:apto?|apartamento)\s+\d{1,4}(?:\s*,?\s*(?:d|n)o\s+"
    r"(?:edificio|condominio|residencial|predio)(?:\s+[\w']+){1,3})?"
    r"|\b(?:sq[ns]|shi[ns]|cl[ns]|qn[a-z]|q[ieslrmc]|cnb|quadra)\s*\d{1,4}\s*,?\s*(?:(?:bloco|conjunto|lote|casa|apto?|apartamento)\s+\w{1,4}[\s,]*)+"
    r"|\b(?:apto?|apartamento)\s+\d{1,4}\s*,?\s*(?:(?:bloco|torre)\s+\w{1,4}\s*,?\s*)?(?:d|n)o\s+"
    r"(?:edificio|condominio|residencial|predio)(?:\s+[\w']+){1,3}"
)
_ROAD = re.compile(
    r"\b(?:estrada|est\.|rodovia|rod\.?)\s+(?:[a-z]{2}-?\s?\d{3}\s*,\s*(?:km\s*)?\d{1,5}(?!\d)"
    r"|[\w'.]+(?:\s+[\w'.]+){0,5}\s*,\s*km\s*\d{1,4}(?:[.,]\d)?)"
    r"(?P<house>\s*,\s*(?:n[ºo°]?\.?\s*)?(?:casa|lote|chacara|sitio|fundos)\s*\w{0,5})?"
)
"""A house at a road, by its kilometre or its number; what else happens there is news about traffic."""
_AT_HOME = re.compile(
    r"\b(?:mor[oa]|moramos|resid\w+|endereco|(?:minha|nossa) casa|entreg\w+|mand\w+ (?:pra|para|na|no)|meu sitio)\b"
)


def find_addresses(source: ScannedText) -> Iterator[Finding]:
    """Streets with a house number, and streets that somebody says to live in."""
    for match in _ADDRESS.finditer(source.folded):
        if _is_address(source, match):
            yield Finding(Kind.ADDRESS, match.start(), match.end(), _squeeze(match.group()), 0.8)
    for match in _ROAD.finditer(source.folded):
        lives = match["house"] or _AT_HOME.search(source.before(match.start()))
        if lives and not _COUNTED.match(source.folded, match.end()):
            yield Finding(Kind.ADDRESS, match.start(), match.end(), _squeeze(match.group()), 0.85)
    for match in _LIVES_AT.finditer(source.folded):
        yield Finding(Kind.ADDRESS, *match.span("place"), _squeeze(match["place"]), 0.7)
    for match in _BLOCK.finditer(source.folded):
        end = match.end() - len(match.group()) + len(match.group().rstrip(" ,"))
        yield Finding(Kind.ADDRESS, match.start(), end, _squeeze(match.group()), 0.7)
    for match in _LIVES.finditer(source.folded):
        start, end = match.span("street")
        yield Finding(Kind.ADDRESS, start, end, _squeeze(match.group("street")), 0.6)


def _is_address(source: ScannedText, match: re.Match[str]) -> bool:
    if _NOT_A_NAME & set(match["name"].split()):
        return False
    if re.search(_NUMBER_SIGN, match["sign"]):
        return True
    if _COUNTED.match(source.folded, match.end()):
        return False
    if match["house"].isdigit() and len(match["house"]) > 1 and _ENDS.match(source.folded, match.end()):
        return True
    name = source.raw[match.start("name") : match.end("name")]
    capitalised = any(word[:1].isupper() for word in name.split())
    return (
        capitalised
        or "," in match["sign"]
        or bool(re.search(r"\b(?:mor[oa]|resid|endereco|entreg|casa)", source.before(match.start())))
    )


def find_plates(source: ScannedText) -> Iterator[Finding]:
    """Licence plates: the Mercosul ones by their shape, the old ones by a hyphen or a word such as "placa". Written
    with a blank, "ABC 1234", it takes more, as "Gol 2012" and "por 1500 reais" look the same."""
    for match in _PLATE.finditer(source.folded):
        if _is_plate(source, match):
            yield Finding(Kind.PLATE, match.start(), match.end(), match["letters"] + match["rest"], 0.75)
    for match in _SPELLED_PLATE.finditer(source.folded) if "placa" in source.folded else ():
        start, end = match.span("plate")
        end -= len(match["plate"]) - len(match["plate"].rstrip())
        yield Finding(Kind.PLATE, start, end, _squeeze(match["plate"]), 0.8)


def _is_plate(source: ScannedText, match: re.Match[str]) -> bool:
    mercosul = not match["rest"].isdigit()
    product = match["letters"] in _PRODUCTS
    around = source.before(match.start(), 60) + " | " + source.after(match.end())
    if match["gap"] == " " and not _is_spaced_plate(source, match):
        return False
    if not mercosul and (
        _NAMED_OTHERWISE.search(source.before(match.start())) or _PART_OF.match(source.after(match.end()))
    ):
        return False
    if _CAR.search(_GRAPHICS_CARD.sub(" ", around)) and (mercosul or not product):
        return True
    if product:
        return False
    if hint(source, match.start(), match.end()).other:
        return False
    upper = source.raw[match.start() : match.start() + 3].isupper()
    # Three letters and four digits in small letters are mostly something else.
    return upper and (mercosul or match["gap"] == "-") and match["gap"] != " "


def _is_spaced_plate(source: ScannedText, match: re.Match[str]) -> bool:
    """Whether letters, a blank and figures may be a plate: not a model and its year, not a word and an amount or an
    hour, unless it is called a plate."""
    if _PLATE_SAID.search(source.before(match.start(), 60)):
        return True
    figures = match["rest"]
    return match["letters"] not in _PLAIN_WORDS and not _YEAR.fullmatch(figures) and not _CLOCK.fullmatch(figures)


def find_machines(source: ScannedText) -> Iterator[Finding]:
    """IP addresses that lead to a machine (not loopback, masks, or public name servers) and MAC addresses."""
    # Counted first: patterns of this kind are slow, and hardly a sentence has enough of the signs.
    dots, colons, dashes = (source.raw.count(sign) for sign in ".:-")
    if dots >= 2 or colons >= 5 or dashes >= 5:
        for match in _MAC.finditer(source.folded):
            yield Finding(Kind.MAC, match.start(), match.end(), re.sub(r"[^0-9a-f]", "", match.group()), 0.9)
    for pattern, possible in ((_IPV4, dots >= 3), (_IPV6, colons >= 2)):
        for match in pattern.finditer(source.folded) if possible else ():
            if _is_address_of_somebody(match.group()) and not _VERSION.search(source.before(match.start())):
                yield Finding(Kind.IP, match.start(), match.end(), match.group(), 0.94)


def _is_address_of_somebody(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    masks = text.startswith(("255.", "0."))
    return not (address.is_loopback or address.is_unspecified or masks or text in _PUBLIC_IPS)


def _squeeze(text: str) -> str:
    return re.sub(r"[\s,.]+", " ", text).strip()

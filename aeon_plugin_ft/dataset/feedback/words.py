"""Words of praise and blame in Brazilian Portuguese, folded (lower case, no accents)."""

from __future__ import annotations

import re


def _phrases(text: str) -> str:
    """A regular expression for phrases, one a line; the longest first, so that it wins."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return r"\b(?:" + "|".join(sorted(lines, key=len, reverse=True)) + r")\b"


LONGEST = 240
"""Longer sentences are dictation or a new request, not a remark about a reply."""
LONGEST_REPLY = 4000
"""Characters. Of a longer reply no part is looked for that a sentence might put right."""

_STRONG = r"""
    perfeit[oa]s?
    perfeitamente
    excelente
    genial
    sensacional
    incrivel
    fantastic[oa]
    espetacular
    impecavel
    brilhante
    mandou (?:muito )?bem
    mandaste bem
    arras(?:ou|aste|a)
    acert(?:ou|aste|ada)
    na mosca
    em cheio
    adorei
    amei
    ador[oe]
    gostei
    curti
    boa resposta
    otima resposta
    bela resposta
    resposta boa
    isso foi foda
    foda
    do caralho
    matou a pau
    melhor resposta
    (?:e|es) o melhor
    (?:e|es) demais
    (?:e|es) fera
    te amo
    resolveu(?: (?:meu|o|esse) (?:problema|bug|erro)| minha duvida)?
    funcionou
    deu certo
    ajudou (?:muito|demais|bastante|pra caramba)?
    registra essa
    aprende isso
    aprender isso
    guarda essa
    salvar contexto
    era (?:exatamente )?isso(?: ai)?(?: mesmo)?(?: que eu (?:queria|precisava|procurava|pedi))?
    exatamente (?:isso|o que eu (?:queria|precisava))
    e isso ai
    isso mesmo
    ri alto
    ri demais
    parabens
"""
_MILD = r"""
    boa
    bom
    muito bom
    muito boa
    otim[oa]
    massa
    show(?: de bola)?
    top(?:issimo)?
    legal
    bacana
    maravilha
    maravilhos[oa]
    brab[oa]
    da hora
    daora
    irado
    sinistro
    dahora
    exato
    exatamente
    lindo
    bem feito
    certinho
    tri
    de boa
    engracad[oa]
    legal demais
    interessante
    demais
    util
    clar[oa]
    clarinh[oa]
"""
STRONG = re.compile(_phrases(_STRONG))
GOOD = re.compile(_phrases(_STRONG + _MILD.lstrip("\n")))
BAD = re.compile(
    _phrases(r"""
    errad[oa]s?
    err(?:ou|aste)
    viajou
    viajando
    pirou
    ruim
    pessim[oa]
    horrivel
    horroros[oa]
    terrivel
    lixo
    merda
    bosta
    porcaria
    burr[oa]
    idiota
    inutil
    inventou
    inventando
    invent[ea]
    mentiu
    mentira
    mentindo
    nao entend(?:eu|este|e)
    nao (?:era|foi|e) (?:nada )?(?:isso|essa|assim)(?: nao)?(?: que eu (?:pedi|perguntei|queria|falei|disse|quis))?
    nao pedi isso
    nao perguntei isso
    nao (?:gostei|curti)
    nao (?:me |te |se )?(?:ajudou|ajuda|adiantou|serve|serviu|funcionou|funciona|resolveu|resolve|presta|prestou|rolou)
    nao deu certo
    nao faz (?:o menor |nenhum )?sentido
    nao respondeu
    nao existe
    nada a ver
    sem nocao
    sem sentido
    sem graca
    fraco
    fraquinh[oa]
    decepcionante
    decepcionou
    esperava mais
    deixou a desejar
    falho[ua]
    falhou
    vacilou
    vacilo
    grosso
    grosseir[oa]
    chat[oa]
    mal feit[oa]
    confus[oa]
    enrolou
    enrola
    so enrola
    enrolacao
    enrolando
    piorou
    pior
    repetindo
    repetitiv[oa]
    repetiu
    absurdo
    tosc[oa]
    besteira
    bobagem
    desastre
    incorret[oa]
    equivocad[oa]
    desatualizad[oa]
    ridicul[oa]
    deu errado
    mais um erro
    burrice
    lento
    seco
    ofensiv[oa]
    mal escrit[oa]
    vergonha
    nao (?:ficou|ta|esta|foi|e|eh) (?:nada |muito |la muito |tao )?(?:bom|boa|cert[oa]|corret[oa]|legal|massa|claro)
    nao (?:ficou|ta|esta|foi|e|eh) (?:la essas coisas|grande coisa|util|otim[oa])
""")
)
NEGATION = re.compile(r"\b(?:nao|nem|nunca|nada|jamais|tampouco|longe de)\b(?:\s+\w+){0,3}\s*$")
IDIOM_GOOD = re.compile(
    _phrases(r"""
    nada mal
    melhor impossivel
    nao (?:podia|poderia) ser melhor
    nao e que (?:ficou|deu|funcionou|e|acertou|tu acertou|voce acertou)
    nao tenho do que reclamar
    nunca vi (?:uma )?(?:resposta|explicacao|piada) (?:tao|mais) (?:boa|clara)
    dessa vez (?:tu |voce |vc )?(?:acertou|foi bem|mandou bem)
    nem (?:precisa|precisou) corrigir
    nao tem defeitos?
    sem defeitos?
    nao faltou nada
    nao mudaria nada
    nao errou (?:nada|uma)
    quebrou tudo
    nao (?:ta|esta|ficou|foi|e) (?:nada )?(?:ruim|mal)
    tirou (?:as palavras )?da minha boca
    me salvou
    salvou (?:meu|o) dia
""")
)
IDIOM_BAD = re.compile(
    _phrases(r"""
    (?:obrigad[oa]|valeu) por nada
    sqn
    so que nao(?=\W*$)
    grande (?:ajuda|coisa|porcaria)
    que (?:bela )?(?:ajuda|inteligencia|genio)
    me poupe
    pelo amor de deus
    que (?:porra|merda|bosta|raios|diabos|resposta) (?:foi|e|eh) (?:essa|isso|esta)
    ta (?:de brincadeira|me zoando|maluco|louco|doido|bebado|surdo|viajando)
    (?:para|pare) de (?:inventar|mentir|repetir|enrolar|falar assim|me enrolar|viajar|ser grosso|responder)
    ja (?:te )?(?:falei|disse|expliquei|pedi) (?:que|isso|mil|varias|umas|pra|para|mais)
    (?:fala|responde|seja) (?:menos|mais curto|mais direto|mais objetivo|direito)
    de novo (?:isso|essa|essa historia|essa resposta)
    muito (?:longa|comprida|grande) (?:essa|a|sua|tua)
    (?:longa|comprida|grande) demais (?:essa|a|sua|tua)
    (?:quem|alguem) (?:te )?(?:perguntou|pediu) isso
    nao foi (?:isso|o) (?:o )?que eu (?:pedi|perguntei|falei|disse|queria)
    isso (?:nao|nem) tem (?:nada|sentido)
    te (?:pedi|perguntei) outra coisa
    passou longe
    (?:poderia|podia) (?:ser|ter sido) melhor
    joga fora
    esquece (?:essa|isso que)
    para com (?:isso|essa)
""")
)
BUT = re.compile(r"[\s,.]+(?:mas|porem|so que|contudo|entretanto|pena que)\s+")
LACK = re.compile(
    r"\b(?:falt(?:ou|a|am|aram)|esquece(?:u|ste)|nao|podia|poderia|deveria|devia|menos|mais (?:curt|diret|simples|clar)"
    r"|longa?|comprid|demor|errad|tarde)"
)
FAILURE = re.compile(
    r"\b(?:errou|errado|erro|erros|quebrou (?!tudo)|quebrado|apagou|deletou|travou|sumiu|perdi tud|perdeu|estragou|caiu"
    r"|bugou|nao (?:funciona|funcionou|abre|abriu|rodou|roda|entendeu|tocou|salvou|tem|era|pedi|serve|liga|sei)|de novo"
    r"|pela (?:segunda|terceira|milesima|decima) vez|atrasad[oa]|pior|inutil|tudo ao contrario|aham|claro que nao"
    r"|piada pronta|queimou)\b"
)
TAG_QUESTION = re.compile(r"[,\s]+(?:ne|nao e|nao|viu|hein|sabia|ta|certo|entendeu|sacou|ok|cara|aeon|porra)\s*\?+")
_EXCLAIMED = (
    r"massa|legal|bom|boa|otim|show|ruim|horr|pess|lixo|merda|bosta|porcaria|foda|maravilh|genial|incrivel|resposta"
    r"|absurdo|vergonha|vacilo|da hora|lindo|ajuda|idiota|besteira|bobagem|decep|irado|engracad|piada|explicac|dica"
    r"|sensac|perfeit|excel|fantast|enrol|chat|burr"
)
ASKS = re.compile(
    rf"(?:qual|quais|quem|quando|onde|aonde|por que|porque sera|quanto|quantos|quantas|o que|que (?!{_EXCLAIMED})"
    r"|como (?!sempre)|sera que|me (?:diz|fala|recomenda|indica|conta|mostra|ajuda|explica|passa)"
    r"|voce (?:sabe|conhece|pode|acha|consegue)|tem (?:como|algum)|sabe)\b"
)
AFFIRMED = re.compile(
    r"(?:(?:isso|sim|ai|aeon)[\s,!.]+)*(?:isso(?: ai| mesmo)?|exato|exatamente|certinho|correto)[\s!.]*"
)
"""Said to a reply that was no question, it says that the reply is right."""
NOT_THIS = re.compile(
    r"nao (?:era|foi|e|eh) (?:ess[ae]s?|isso|aquel[ae]|nenhum[ae]? dess[ae]s)"
    r"(?: (?!semana|mes|ano|vez|hora|noite|dia|tarde)\w+){0,2}[\s!.]*"
)
GOOD_SIGN = re.compile("[👍👏🙌💯😍🥰😂🤣🔥❤💙💚👌🎉✅🤩😄]")
BAD_SIGN = re.compile("[👎🙄😡😒🤬😠❌💩😤🤦🥱]")
WEAK_BAD = re.compile(
    r"(?:(?:que|puta|mas que)\s+)?(?:merda|bosta|droga|saco|porcaria|lixo|ruim|chato|horrivel|vergonha|absurdo|pior)"
)
"""An exclamation that may be about anything: "que merda, perdi a chave"."""
NOT_AFTER = re.compile(r"\bnao$")
"""Brazilian negation behind the verb: "gostei não"."""
VOCATIVE = re.compile(r"^(?:(?:o|e|ei|oi|opa|ai|cara|mano|velho|aeon|entao|ta|mas)[\s,]+)+")
CLAUSE = re.compile(r"[,.;:!?\n()…]+|\s+-+\s+")
FILLER_ONLY = re.compile(
    r"(?:(?:ah|oh|o|opa|eita|nossa|uau|caramba|caraca|putz|po|poxa|puxa|hm+|bom dia|boa tarde|boa noite|aeon|cara|mano"
    r"|velho|meu|irmao|parceiro|chefe|tipo|entao|sim|e|ta|ok|olha|valeu|vlw|obrigad[oa]|brigad[oa]|muito obrigad[oa]"
    r"|hein|viu|ne|ai|kk+|ha(?:ha)*|rs+|serio|sabe|agora|ufa|aff+|beleza|porra|caralho|vei|meu deus|gente"
    r"|pois e|ah ta|hehe)(?:\s+|$))+"
)
_REPLY = r"(?:resposta|explicacao|piada|sugestao|dica|recomendacao|resumo|traducao|receita|solucao)"
TO_AEON = re.compile(
    r"\b(?:voce|vc|ce|tu|aeon|tua|sua|teu|seu"
    rf"|(?:d?ess[ae]|est[ae]|a|que|da|ness[ae]|na|otim[ao]|boa|bela|pessim[ao]) (?:tua |sua )?{_REPLY})\b"
)
OTHER_SUBJECT = re.compile(
    r"\b(?:voce|tu|vc) (?:viu|acha|achou|sabe|sabia|conhece|lembra|pode|consegue|gosta|tem|quer)\b"
    r"|\beu (?:errei|fui|fiz|tava|estava)\b"
)
EMPTY = frozenset(
    """
    a o as os um uma e eh es de da do das dos em no na que isso essa esse esta este isto aquilo dessa desse desta disso
    nessa nesse nisso nesta assim foi ficou ta tava estava era ser sera ficar muito muita mais bem tao super realmente
    bastante demais pra para mim me eu te se meu sempre hoje agora ja ate enfim finalmente vez aqui ai tudo todo coisa
    cara mano aeon velho nossa uau puta putz caramba caraca caralho porra bicho deus ah oh opa ei sim nao valeu obrigado
    obrigada brigado vlw hein viu ne mesmo so tipo pro por favor com resposta explicacao piada sugestao dica ideia
    solucao resumo achei ach acho pareceu parece continua continue segue irmao parceiro garoto menino nem nada
    totalmente completamente meio tanto quanto serio verdade como outra outro novo trabalho sacada jogada tirada forma
    jeito massa legal bom boa show certo feio fio usar vou kk kkk kkkk kkkkk haha hahaha rs
    """.split()  # noqa: SIM905 - a list of words reads better as one text
)
ANSWER = re.compile(
    r"(?:(?:isso|sim|nao|exato|exatamente|isso mesmo|certo|pode|claro|com certeza|isso ai|e isso|e isso ai|perfeito|boa"
    r"|ok|beleza|aeon|cara|pode ser|bom|muito bom|massa|show|essa mesmo|esse mesmo)(?:[\s,.!]+|$))+"
)
"""What somebody says to a question, and what would otherwise be praise."""

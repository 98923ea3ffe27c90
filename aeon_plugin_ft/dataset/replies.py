"""What Aeon says without a model: its fixed sentences, its modules' replies, its error reports.

A log in Aeon's own format does not say who answered, so an imported reply is told by its wording. The
patterns work on folded text (no accents, lower case); they name the fixed beginnings that Aeon's source
code can print, not what any person said.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.turns.kinds import is_canned, looks_like_error
from aeon_plugin_ft.turns.model import TurnKind

Origin = Literal["model", "fallback", "module", "error", "empty"]
"""Who produced a reply: a model, Aeon's own fallback sentences, one of its modules, a failure, nobody."""

KIND: dict[Origin, TurnKind] = {
    "model": TurnKind.CHAT,
    "fallback": TurnKind.CANNED,
    "module": TurnKind.CANNED,
    "error": TurnKind.ERROR,
    "empty": TurnKind.EMPTY,
}
LONGEST_FIXED = 100
"""No fixed sentence of Aeon's fallback is longer, in characters."""

_ERROR = re.compile(
    r"erro(?:$|:| executando| ao | de estado| groq)|ocorreu um erro|falha ao (?:iniciar|gravar|abrir|executar)|"
    r"nao encontrei (?:o aplicativo|o livro|a tarefa|a rotina|conteudo para)|"
    r"nao consegui (?:definir o|criar o lembrete|extrair conteudo|verificar o tempo)|cerebro nao encontrado|"
    r"tive um problema ao buscar|gerenciador de \w+ nao|nao foi possivel (?:acessar o|alternar a)|"
    r"desculpe, tive dificuldade em processar|traceback \(most recent"
)

# What a module prints, from its first word on; `...$` where a model could begin a sentence the same way.
_MODULE = re.compile(
    r"(?:abrindo|fechando|iniciando) [^.!?\n]{1,80}\.\.\.$|fechando .{1,40}\(pids|tocando .{1,80} no spotify\.?$|"
    r"iniciando (?:a execucao da rotina|analise com foco|processo de instalacao|criacao\. )|"
    r"timer de [\w ]{1,40} definido\.|timer! tempo|lembrete '|tarefa '|a duracao deve|diga a duracao do|"
    r"voce nao tem lembretes|tem certeza que quer sair|saida cancelada\.|ate logo! encerrando|estou pronto\.$|ok\.?$|"
    r"ok modo ditado|modo ditado (?:des)?ativado|pronto! comecando a digitar|protocolo singularidade iniciado|"
    r"singularidade cancelada|qual sera o nome do novo modulo|nome '.{1,60}' registrado|sucesso: modulo|"
    r"descreva a logica|qual o tipo de projeto\?|modulo \w+ (?:ativo|nao encontrado)\.|consultei os arcanos|"
    r"as manchetes do|o tempo em .{1,80} e:|no momento, o uso da cpu|a bateria esta em|este computador nao parece|"
    r"ok, (?:minha voz online|gravando a rotina)|adicionado:? '|suas rotinas salvas|voce ainda nao tem nenhuma rotina|"
    r"nenhuma gravacao estava|arquivos raiz:|os livros na sua biblioteca|encontrei os seguintes trechos|o livro '|"
    r"tema alterado para|foco alterado para|nenhuma janela com o titulo|"
    r"certo\. (?:a instalacao|a busca e download|vou lembrar que)|processamento concluido\.|"
    r"sistema (?:otimizado\.|visual encerrado)|workspace limpo\.|o computador sera (?:reiniciado|desligado)|"
    r"a? ?visao de gestos (?:iniciada|encerrada|nao esta|ja esta)|o modo de gestos|inicializando cortex|"
    r"as palavras de ativacao|'.{1,40}' removida das|palavra (?:invalida|')|preferencias de usuario e voz|"
    r"buscando vozes disp|nao entendi (?:para qual voz|o nome da musica)|nao entendi\. use o formato|"
    r"modo (?:oculto|visivel) (?:des)?ativado|ja estou ouvindo\.|audicao pausada|ouvidos abertos\.|"
    r"interface grafica nao disp|calibrando microfone|entendido\. silencio por|midia pausada|proxima faixa\.|"
    r"proxima\.$|faixa anterior\.|voltando\.$|alternando modo do|nao tenho nada recente na memoria|"
    r"padrao de comportamento registrado|a ultima resposta foi um erro|opcao invalida\.|nome invalido\."
)


@lru_cache(maxsize=1 << 14)
def origin(reply: str) -> Origin:
    """Who said this, judged by its wording; "model" when nothing fixed is recognised."""
    head = reply[:160].strip()
    if not head:
        return "empty"
    # The length first: folding and hashing each long reply would be most of an import's time.
    if len(reply) <= LONGEST_FIXED and is_canned(reply):
        return "fallback"
    head = fold_accents(head)
    if _ERROR.match(head) or looks_like_error(reply):
        return "error"
    return "module" if _MODULE.match(head) else "model"

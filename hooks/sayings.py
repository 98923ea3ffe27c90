"""What a typed conversation says by itself, in the owner's language.

Which it is: $AEON_FT_LANGUAGE ("pt" or "en"), else that of the system's locale variables, else the one that Windows
shows, English where none of them says Portuguese. Like the plugin's own sentences, which this side does not know.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

ENV_LANGUAGE = "AEON_FT_LANGUAGE"
LANGUAGES = ("pt", "en")
_LOCALES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""As gettext reads them: the first that is set counts."""
_PORTUGUESE = 0x16
"""Windows' primary language identifier, the lower ten bits of a language's."""

TEXTS: dict[str, tuple[str, str]] = {
    "owner": ("VOCÊ", "YOU"),
    "welcome": (
        "Fale comigo normalmente. /ajuda mostra os comandos, /sair termina.",
        "Just talk to me. /help shows the commands, /bye leaves.",
    ),
    "help": (
        """Fale comigo normalmente, ou use:
  /modelo            quem responde; /modelo base, /modelo treinado ou /modelo 2 troca
  /desfazer          volta ao modelo de antes
  /corrige TEXTO     a última resposta devia ter sido TEXTO
  /bom, /ruim        a última resposta foi boa, ou foi ruim
  /esquece           apaga a última conversa; /esquece ASSUNTO apaga tudo sobre ele
  /privado           liga e desliga o modo privado: nada é gravado nem aprendido
  /quem              quem respondeu por último, e o que foi tentado
  /historico         a conversa desta sessão
  /ajuda             esta lista
  /sair              termina
Ctrl-C para a resposta; duas vezes seguidas, ou Ctrl-D, termina.
Também vale falar: "treinar modelo", "modelo atual", "o que você sabe de mim?".""",
        """Just talk to me, or use:
  /model             who answers; /model base, /model trained or /model 2 changes it
  /undo              go back to the model before
  /correct TEXT      the last reply should have been TEXT
  /good, /bad        the last reply was good, or was bad
  /forget            delete the last exchange; /forget TOPIC deletes everything about it
  /private           private mode on and off: nothing is logged or learnt
  /who               who answered last, and what was tried
  /history           the conversation of this session
  /help              this list
  /bye               leave
Ctrl-C stops the reply; twice in a row, or Ctrl-D, leaves.
What the plugin understands when spoken works here too, in Portuguese: "treinar modelo", "modelo atual".""",
    ),
    "bye": ("Até.", "Bye."),
    "unknown": (
        "Não conheço /{name}. /ajuda mostra o que existe.",
        "I don't know /{name}. /help shows what there is.",
    ),
    "nearest": (
        "Não conheço /{name}. Você quis dizer /{near}? /ajuda mostra o que existe.",
        "I don't know /{name}. Did you mean /{near}? /help shows what there is.",
    ),
    "say_correction": (
        "Escreva a resposta certa depois do comando: /corrige TEXTO.",
        "Write the right answer after the command: /correct TEXT.",
    ),
    "which_model": (
        "Não conheço o modelo {name}. Use /modelo base, /modelo treinado ou o número de uma versão, como /modelo 2.",
        "I don't know the model {name}. Use /model base, /model trained or a version's number, like /model 2.",
    ),
    "nobody_learns": (
        "O aprendizado não está ligado nesta conversa, e este comando é dele.",
        "Nothing learns from this conversation, so this command has nobody to do it.",
    ),
    "not_noted": (
        "Não anotei: escreva a resposta em palavras, e com o aprendizado ligado.",
        "Not noted: write the answer in words, and with learning switched on.",
    ),
    "nobody": (
        "(ninguém respondeu; /quem mostra o que foi tentado)",
        "(nobody answered; /who shows what was tried)",
    ),
    "nobody_in_aeon": (
        "(ninguém respondeu: nem a Groq, nem o Ollama, nem um modelo treinado)",
        "(nobody answered: neither Groq, nor Ollama, nor a trained model)",
    ),
    "nobody_yet": ("Ninguém respondeu ainda nesta sessão.", "Nobody has answered yet in this session."),
    "answered_by": ("Quem respondeu: {who}.", "Answered by: {who}."),
    "answered_by_nobody": ("Ninguém respondeu.", "Nobody answered."),
    "worked": ("ok   ", "ok    "),
    "failed": ("falha", "failed"),
    "by_you": ("você parou", "you stopped it"),
    "resting": ("descansa depois de falhar", "rests after failures"),
    "no_talk": ("Nada ainda.", "Nothing yet."),
    "private_on": (
        "Modo privado ligado: nada do que você disser é gravado nem aprendido.",
        "Private mode is on: nothing that you say is logged or learnt.",
    ),
    "private_off": (
        "Modo privado desligado: volto a gravar e aprender.",
        "Private mode is off: I log and learn again.",
    ),
    "base": ("o modelo base", "the base model"),
    "loading": (
        "(carregando {model}; a primeira frase espera)",
        "(loading {model}; the first sentence waits)",
    ),
    "waiting": (
        "(esperando {model} carregar; Ctrl-C não espera)",
        "(waiting for {model} to load; Ctrl-C does not wait)",
    ),
    "not_waited": ("(sem esperar: responde quem já está pronto)", "(not waiting: whoever is ready answers)"),
    "stopped": ("(parei)", "(stopped)"),
    "restart": (" [...] essa rota caiu, de novo:", " [...] that route broke off, again:"),
    "once_more": ("(Ctrl-C de novo, ou Ctrl-D, sai)", "(Ctrl-C again, or Ctrl-D, leaves)"),
}
"""By key: Portuguese and English."""


def say(key: str, /, **slots: object) -> str:
    """A sentence in the language of this process; raises KeyError for a key or a slot that is not there."""
    return TEXTS[key][LANGUAGES.index(language())].format(**slots)


def language() -> str:
    """The language of this process, "pt" or "en"."""
    named = os.environ.get(ENV_LANGUAGE, "")
    return named if named in LANGUAGES else language_of(os.environ, _shown_by_windows())


def language_of(environ: Mapping[str, str], windows: int | None = None) -> str:
    """The language that a system is set to; `windows` is the identifier of the one that Windows shows."""
    named = next((environ[name] for name in _LOCALES if environ.get(name)), None)
    if named is not None:
        return "pt" if named.lower().startswith("pt") else "en"
    return "pt" if windows is not None and windows & 0x3FF == _PORTUGUESE else "en"


def _shown_by_windows() -> int | None:
    if sys.platform == "win32":
        import ctypes

        return int(ctypes.windll.kernel32.GetUserDefaultUILanguage())
    return None

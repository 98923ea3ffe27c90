"""A brain with the shape of a stock Aeon's: Groq's SDK, then Ollama's module, then a canned sentence.

Written for the tests; only the order of steps and the calls to the two clients are Aeon's.
"""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar


class ScriptedGroq:
    """Groq's SDK client as far as Aeon uses it."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.requests: list[dict[str, Any]] = []
        self.fail: str | None = None
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._create))

    def _create(self, **request: Any) -> Any:
        self.requests.append(request)
        if self.fail is not None:
            raise RuntimeError(self.fail)
        said = request["messages"][-1]["content"]
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=f"groq: {said}"))])


class ScriptedOllama:
    """The `ollama` package as far as Aeon uses it."""

    fail: ClassVar[str | None] = None

    @classmethod
    def chat(cls, model: str, messages: list[dict[str, str]]) -> dict[str, Any]:
        if cls.fail is not None:
            raise ConnectionError(cls.fail)
        return {"message": {"content": f"ollama: {messages[-1]['content']}"}}


ollama = ScriptedOllama


class StockBrain:
    """Aeon's brain in miniature."""

    client: Any

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.client = None
        self.online = False
        self.local_ready = True
        self.groq_api_key = config.get("GROQ_KEY")
        self.ollama_model = "deepseek-r1:8b"

    def _conectar(self) -> None:
        if not self.client and self.groq_api_key:
            self.client = ScriptedGroq(self.groq_api_key)
            self.online = True

    def pensar(self, prompt: str, historico_txt: str = "", modo: str = "auto", **kwargs: Any) -> str | None:
        self._conectar()
        system = f"Você é um teste. Agora: {datetime.now():%H:%M}. {historico_txt}"
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        if self.online and self.client:
            try:
                answer = self.client.chat.completions.create(
                    model="llama-3.3-70b-versatile", messages=messages, temperature=0.7
                )
                return answer.choices[0].message.content or None
            except Exception as error:
                print("groq:", error)
        if self.local_ready:
            try:
                return ollama.chat(model=self.ollama_model, messages=messages)["message"]["content"] or None
            except Exception as error:
                print("ollama:", error)
        return self._conversar_local(prompt) if modo == "conversa" else None

    def _conversar_local(self, prompt: str) -> str:
        return "canned"

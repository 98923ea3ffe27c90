import os
from datetime import datetime

import core.wire as ollama
from core.wire import Groq


class AeonBrain:
    def __init__(self, config, installer=None):
        self.config = config.system_data if hasattr(config, "get_system_data") else (config or {})
        self.client = None
        self.online = False
        self.groq_api_key = os.getenv("GROQ_KEY") or self.config.get("GROQ_KEY")
        self.local_ready = True
        self.ollama_model = "deepseek-r1:8b"

    def _conectar(self):
        if self.client:
            return
        if self.groq_api_key:
            self.client = Groq(api_key=self.groq_api_key)
            self.online = True

    def pensar(self, prompt: str, historico_txt: str = "", modo: str = "auto", **kwargs):
        self._conectar()
        system = "Prompt de teste. Data/Hora: " + datetime.now().strftime("%d/%m/%Y %H:%M") + ". " + historico_txt
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        if self.online and self.client:
            try:
                chat = self.client.chat.completions.create(
                    model="llama-3.3-70b-versatile", messages=messages, temperature=0.7
                )
                return chat.choices[0].message.content or None
            except Exception as error:
                print("[BRAIN]", error)
        if self.local_ready:
            try:
                return ollama.chat(model=self.ollama_model, messages=messages)["message"]["content"] or None
            except Exception as error:
                print("[BRAIN]", error)
        if modo == "conversa":
            return self._conversar_local(prompt)
        return None

    def _conversar_local(self, prompt):
        return "Nada no ar."

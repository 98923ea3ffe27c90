"""Stand-ins for the groq and ollama packages, over real HTTP."""

import json
import os
import urllib.request
from types import SimpleNamespace


def post(url, body, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


class Groq:
    def __init__(self, api_key):
        self.api_key = api_key
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._create))

    def _create(self, **body):
        url = os.environ["GROQ_BASE_URL"] + "/openai/v1/chat/completions"
        text = post(url, body, self.api_key)["choices"][0]["message"]["content"]
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=text))])


def chat(model, messages):
    host = os.environ["OLLAMA_HOST"]
    return post(host + "/api/chat", {"model": model, "messages": messages, "stream": False, "tools": []})

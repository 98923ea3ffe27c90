"""Names of models in an Ollama, brought to one form: many are written for one model, and lists show another one.

The rules are Ollama's own (https://github.com/ollama/ollama, types/model/name.go): host, namespace and tag may be left
out, and case counts for nothing.
"""

from __future__ import annotations

_HOST, _NAMESPACE, _TAG = "registry.ollama.ai", "library", "latest"


def canonical_name(name: str) -> str:
    """ "SMOL:135M", "library/smol:135m" and "registry.ollama.ai/library/smol:135m" are all "smol:135m"."""
    rest, tag = name.strip().lower(), _TAG
    # A colon before the last slash is that of a port.
    if rest.rfind(":") > rest.rfind("/"):
        rest, _, written = rest.rpartition(":")
        tag = written or _TAG
    rest, _, model = rest.rpartition("/")
    rest, _, namespace = rest.rpartition("/")
    namespace, host = namespace or _NAMESPACE, rest.rpartition("://")[2] or _HOST
    if host != _HOST:
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == _NAMESPACE else f"{namespace}/{model}:{tag}"

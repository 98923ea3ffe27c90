"""vLLM, SGLang, llama-server: OpenAI-compatible servers that load adapters."""

"""llama.cpp in a child process of ours: one version a server."""

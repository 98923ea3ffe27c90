"""Model files: GGUF and safetensors read and written, LoRA and merged GGUFs made from them. No ML library."""

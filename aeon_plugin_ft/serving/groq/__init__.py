"""LoRA adapters in Groq's cloud."""

"""The mathematics of a run: exact shared-prefix training. torch, transformers, peft and trl live here."""

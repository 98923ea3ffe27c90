"""Curated examples for other trainers: JSONL, and the configurations that go with it."""

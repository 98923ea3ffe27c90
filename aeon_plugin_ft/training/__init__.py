"""A run, from its recipe to its adapter: made, estimated and supervised here; computed in engine/, by worker/."""

"""The plugin inside a running host, a file for each thing that goes on there.

turn_path.py   what the owner waits for: which model answers, the log, the spoken commands
memory.py      what a model is told of the owner before it answers
standing.py    what is known of the versions that may answer
served.py      the model that answers: it follows the store, and makes room for a training
follower.py    the thread in which that and everything else that is looked at each second happens
errand.py      one of those things: after a failure it waits by itself
reloading.py   plugin.toml, read again when it was saved
arrivals.py    turns that reached the index
owner.py       the owner: privacy, quiet hours, and the voice that reaches them
redaction.py   personal data, as [privacy] says now
"""

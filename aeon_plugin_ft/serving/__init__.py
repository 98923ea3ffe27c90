"""From a version to an answer: backends, deployments, routes and the swap between them.

model.py          the contract of a backend (Deployer) and what it returns (Deployment)
backends.py       the deployers by the names of [serve] backend
embedded/ ollama/ openai/ groq/     one backend each
merging/          a version as one file, with the proof that it says what the adapter says
routes.py         which model the brain's next call goes to
plan.py swap.py leaving.py          one swap: decided, run, and what it replaced taken away
journal.py recovery.py              every step of it on disk, and what becomes of one that a crash interrupted
deployments.py discarding.py        which backend was given which version, and taking a version away from all of them
canary.py         a candidate beside the model in use
ask.py smoke.py   questions to a served model
"""

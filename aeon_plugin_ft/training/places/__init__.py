"""Training on another machine, with the run folder as the contract: what goes there, how, and how it comes back.

where.py     [train] where, parsed
consent.py   the owner's word, given once for each place
cargo.py     what a run takes along, each part with its digest
there.py     the other side's end of each step: sent along with it, so that nothing of ours stays installed
keeper.py    what stays with the run over there, with or without a connection
door.py      the contract of a way to a place     ssh.py  ray.py  the two that there are
away.py      the run as this side sees it: sent, followed, found again, brought back
courier.py   the child process that does this, in place of the training worker
"""

"""The owner's page (`aeon-ft painel`): what Aeon knows and does, in a browser on this machine.

server.py     one process: a socket on 127.0.0.1, the browser, and the end when the page is closed
guard.py      who may ask: a token once, a cookie after it, Host, Origin, and what a browser may do with an answer
app.py        the addresses
desk.py       the data folder as the pages need it; `acts.py`: what the owner may order of it
rendering.py  templates, the language of the browser, notes that are shown once
live.py       server-sent events: which parts of a page have changed
plots.py      numbers as the points of a drawing
views/        one file a page: what it shows, and what its buttons do
templates/ static/    what the browser gets; nothing comes from elsewhere

An edge as cli/ is: it decides nothing, and what it changes goes through the same functions as voice and command line.
"""

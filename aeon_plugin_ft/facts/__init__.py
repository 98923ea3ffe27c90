"""What the owner told: from sentences to facts, and from facts to what the model is shown, taught and asked.

model.py      a claim (what one sentence says), a fact (a claim with its turn, its time and its history)
reading.py    from a turn to the claims in it
table.py      every claim in the store, and which turns were read
holding.py    which of the claims about one thing are held
book.py       what is known: followed, asked, edited, forgotten
finding.py    facts by what people call things
relevant.py   the facts that matter for a question, as sentences for the prompt
asking.py     the words that a question asks with
wording/      facts in Portuguese: statements, and questions of lessons and of exams
marking/      what a reply to such a question is worth
style.py      how the assistant talks, learnt from its good replies
known.py      facts side by side: what else answers a question, what would be wrong
unknown.py    what was never told
lessons.py    what is taught
exam.py       what is asked in the morning
"""

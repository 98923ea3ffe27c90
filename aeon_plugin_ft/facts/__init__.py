"""What the owner told: from sentences to facts, and from facts to what the model is shown, taught and asked.

model.py      a claim (what one sentence says), a fact (a claim with its turn, its time and its history)
relevant.py   the facts that matter for a question, as sentences for the prompt
asking.py     the words that a question asks with
"""

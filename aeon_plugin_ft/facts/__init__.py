"""What the owner told: from sentences to facts, and from facts to what the model is shown, taught and asked.

model.py      a claim (what one sentence says), a fact (a claim with its turn, its time and its history)
"""

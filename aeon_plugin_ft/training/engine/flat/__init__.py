"""The whole batch in one row of tokens, through decoder layers whose forward and backward are written out."""

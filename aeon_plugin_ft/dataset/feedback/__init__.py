"""What the owner thought of a reply: recognised in his next sentence, or said by a command."""

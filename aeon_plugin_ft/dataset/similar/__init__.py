"""The owner's similar conversations, found for a question and shown to the model."""

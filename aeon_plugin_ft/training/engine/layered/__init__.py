"""Training one layer at a time, on weights that stay in their file: what is in memory is one layer of the model."""

"""The Transformer, one file for each idea."""

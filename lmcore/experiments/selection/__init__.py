"""Selecting runs: a query, the values that it asks for, what fits it, and in which order."""

"""Comparing runs as they lie on disk: numbers, configurations, samples, and where they part."""

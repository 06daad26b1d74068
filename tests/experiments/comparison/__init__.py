"""Runs are compared as they lie on disk."""

"""Experiments: runs on disk, what makes a run what it is, and the experiment that trains one. Imports nothing."""

"""Runs on disk: directories, identity, metrics, and the experiment that writes them. Imports nothing."""

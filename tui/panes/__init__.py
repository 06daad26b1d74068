"""Panes of the laboratory."""

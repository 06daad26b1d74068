"""Tests of what makes a run what it is."""

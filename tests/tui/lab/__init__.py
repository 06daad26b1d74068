"""Tests of the lab's state."""

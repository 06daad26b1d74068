"""Tests of ablations that are carried out."""

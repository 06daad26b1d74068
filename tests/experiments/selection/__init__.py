"""Tests of selecting runs."""

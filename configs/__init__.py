"""The starting points of experiments, carried by the wheel as package data."""

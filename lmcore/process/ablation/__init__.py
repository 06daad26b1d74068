"""Ablations carried out: cells (a run for each arm and seed) → jobs (processes side by side) → conductor."""

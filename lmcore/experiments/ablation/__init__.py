"""Ablations: a baseline and arms that differ from it in one leaf each, over the same seeds, and what came out.

Plan → cells (a run for each arm and seed) → jobs (processes side by side) → result → page.
"""

"""Ablations: a baseline and arms that differ from it in one leaf each, over the same seeds, and what came out.

Plan → result → page. Needs no torch: `lmcore/process/ablation/` carries a plan out.
"""

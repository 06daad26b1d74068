"""The identity of a run: hashes, recipe, baseline, the one-change rule, the user's own code. Needs no torch."""

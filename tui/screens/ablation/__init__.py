"""Ablations in the lab: set one up, watch its runs and its table fill, look at those of earlier days."""

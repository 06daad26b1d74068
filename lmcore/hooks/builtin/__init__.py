"""The hooks that come with lmlab: a file for each kind, and a short function for each hook."""

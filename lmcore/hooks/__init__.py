"""Hook points, and what can be hooked to them."""

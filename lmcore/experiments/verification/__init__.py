"""Verification: a run is trained again from what it recorded, and compared bit for bit."""

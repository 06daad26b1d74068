"""The replay of a recorded session, and what came of it."""

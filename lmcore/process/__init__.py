"""The core in a process of its own, the client that speaks to it, and the replay of a recorded session."""

"""The lab's state, folded from the events of the core. Knows nothing of Textual."""

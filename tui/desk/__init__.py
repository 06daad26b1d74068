"""What the lab decides: from what is known and an event or a key to effects. Knows nothing of Textual."""

"""The core: its inbox and outbox, the server, the run that is open, and the answers to questions about it."""

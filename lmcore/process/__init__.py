"""The core in a process of its own: the protocol, the child and the parent's handle."""

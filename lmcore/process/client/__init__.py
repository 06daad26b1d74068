"""The client of a core: it starts one, sends commands and receives batches of events. Needs no torch."""

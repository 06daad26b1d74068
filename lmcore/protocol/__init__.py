"""The protocol between a front end and the core: commands, events and records, as plain frozen data. Needs no torch."""

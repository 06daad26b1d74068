"""A run on disk: folder, lines, lock and journal; how runs are listed, tagged and deleted. Needs no torch."""

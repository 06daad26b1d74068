"""The notebook: a page of what was tried, what changed and what came out, made from the runs themselves."""

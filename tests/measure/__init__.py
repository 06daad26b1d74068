"""Scripts that measure what the project promises. They are run by hand, on a quiet machine, never by the suite."""

"""Read-only looks inside a model."""

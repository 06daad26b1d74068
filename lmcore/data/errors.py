"""The one error of this room."""


class DataError(ValueError):
    """Text that cannot be learned from: the sentence says what is wrong, where, and what would be right."""

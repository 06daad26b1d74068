"""The one error of this room."""

from lmcore.errors import LabError


class DataError(LabError):
    """Text that cannot be learned from: the sentence says what is wrong, where, and what would be right."""

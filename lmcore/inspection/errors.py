"""What is raised when there is nothing to look at under a name."""

from lmcore.errors import LabError


class InspectionError(LabError):
    """There is no such component, layer or text to look at; the message says what there is."""

"""The errors that are meant for a person. Anything else that is raised is a fault of the lab itself."""


class LabError(ValueError):
    """Something cannot be done as it was asked for; the message says what is wrong, where, and what would be right."""

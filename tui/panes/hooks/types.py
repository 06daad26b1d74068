"""Whether a value is what an argument's words ask for, so far as words can tell. The core checks for certain."""

_LIST = "a list, each item "
_SCHEDULE = {"from", "to", "steps"}


def fits(value: object, words: str) -> bool:
    """Whether a value may stand where `words` are asked for; of words that are not known here, always."""
    alternatives = words.replace("true or false", "a switch").split(" or ")
    return any(_fits(value, one, alternatives[index + 1 :]) for index, one in enumerate(alternatives))


def _fits(value: object, words: str, others: list[str]) -> bool:
    if words.startswith(_LIST):
        item = " or ".join([words.removeprefix(_LIST), *others])
        return isinstance(value, list) and all(fits(one, item) for one in value)
    if words.startswith("one of "):
        return str(value) in words.removeprefix("one of ").split(", ")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    known = {
        "a number": is_number or (isinstance(value, dict) and set(value) == _SCHEDULE),
        "a whole number": is_number and isinstance(value, int),
        "a switch": isinstance(value, bool),
        "text": isinstance(value, str),
        "a list": isinstance(value, list),
        "a mapping": isinstance(value, dict),
        "null": value is None,
    }
    return known.get(words, True)

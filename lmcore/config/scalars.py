"""Single YAML values: from the characters of a plain scalar to a Python value, and back.

Plain scalars are read by the rules of YAML 1.2, so that `1e-3` is a number and `off` is a word.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
FLOAT = re.compile(r"[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./+-]| (?=[A-Za-z0-9_./+]))*")
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
WORDS: dict[str, bool | float | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
WORDS |= {sign + name: float(sign + "inf") for sign in ("", "+", "-") for name in (".inf", ".Inf", ".INF")}
WORDS |= {name: float("nan") for name in (".nan", ".NaN", ".NAN")}
LONGEST_NUMBER = 400  # longer digits are text: Python refuses to convert thousands of them


def resolve_plain(text: str) -> Any:
    """The value of an unquoted scalar: None, a bool, an int, a float, or the text itself."""
    if text in WORDS:
        return WORDS[text]
    if len(text) <= LONGEST_NUMBER:
        if INTEGER.fullmatch(text):
            return int(text.replace("_", ""))
        if FLOAT.fullmatch(text):
            return float(text.replace("_", ""))
    return text


def to_yaml_value(value: Any) -> str:
    """A value as YAML on one line, to be read back as it was: 0.001, null, true, plain or "quoted" text, [a, b]."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_yaml_value(str(k))}: {to_yaml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(to_yaml_value(item) for item in value) + "]"
    return _string_text(str(value))


def _float_text(value: float) -> str:
    if value != value:
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def _string_text(value: str) -> str:
    if PLAIN.fullmatch(value) and isinstance(resolve_plain(value), str):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\xa0\u2028\u2029\ufeff]|" + UNPRINTABLE.pattern, _escaped, quoted)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xD800 <= code < 0xE000:  # half of a pair: no text, and YAML cannot write it
        return "\ufffd"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

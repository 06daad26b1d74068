"""Text from outside made safe to show: control characters and lone surrogates become visible."""

_VISIBLE = {code: chr(0x2400 + code) for code in range(0x20)}  # the Unicode pictures of control characters
_VISIBLE[0x7F] = "␡"
_VISIBLE.update({code: f"\\x{code:02x}" for code in range(0x80, 0xA0)})
_VISIBLE.update({code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))})
del _VISIBLE[0x0A]
_ONE_LINE = {**_VISIBLE, 0x0A: "⏎", 0x09: " "}
_VISIBLE[0x09] = "    "


def shown_text(text: str, *, one_line: bool = False) -> str:
    """`text` as it may be written to a terminal: escapes such as ESC become `␛`, lone surrogates become `�`.

    Line feeds stay unless `one_line`, then they become `⏎`; tabs become spaces. Pass the result to `Content`, `Text` or
    a `Static(markup=False)`: markup is not its business.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").translate(_ONE_LINE if one_line else _VISIBLE)
    return "".join("�" if "\ud800" <= character <= "\udfff" else character for character in text)

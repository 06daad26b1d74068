"""What a file is that is no plain text, by how it begins, and the way to its text."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

RAW = "dataset.tokenizer: byte"


@dataclass(frozen=True)
class Format:
    """A kind of file that is no UTF-8 text. `way` says what makes text of it; {file} stands for its name."""

    name: str
    begins: bytes
    way: str
    at: int = 0  # where in the file `begins` stands

    def sentence(self, file: str) -> str:
        """What a file of this kind is, and what would be right."""
        return f"{file} is {self.name}: {self.way.format(file=shlex.quote(file))}"


_CONVERT = "convert it first (iconv -f {name} -t UTF-8 {{file}}), or use " + RAW
_COLUMNS = "write its column of text into a file first, one text after the other"
_NUMBERS = "it holds numbers or objects of a program, so write their text into a file first"

FORMATS = (
    Format("gzip", b"\x1f\x8b", "unpack it first with gunzip -k {file}"),
    Format("Zstandard", b"\x28\xb5\x2f\xfd", "unpack it first with unzstd {file}"),
    Format("bzip2", b"1AY&SY", "unpack it first with bunzip2 -k {file}", at=4),
    Format("xz", b"\xfd7zXZ\0", "unpack it first with unxz -k {file}"),
    Format("LZ4", b"\x04\x22\x4d\x18", "unpack it first with unlz4 {file}"),
    Format("7z", b"7z\xbc\xaf\x27\x1c", "unpack it first with 7z x {file}"),
    Format("zip", b"PK\x03\x04", "unpack it first with unzip {file}"),
    Format("tar", b"ustar", "unpack it first with tar -xf {file}", at=257),
    Format("Parquet", b"PAR1", _COLUMNS),
    Format("Arrow", b"ARROW1", _COLUMNS),
    Format("SQLite", b"SQLite format 3\0", _COLUMNS),
    Format("HDF5", b"\x89HDF\r\n", _COLUMNS),
    Format("a NumPy array", b"\x93NUMPY", _NUMBERS),
    *(Format("pickled", bytes((0x80, version)), _NUMBERS) for version in (2, 3, 4, 5)),
    Format("PDF", b"%PDF-", "take its text out first (pdftotext {file})"),
    Format("a Word document", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as plain text first"),
    Format("a pointer of Git LFS", b"version https://git-lfs", "fetch the file itself first with git lfs pull"),
    Format("UTF-32", b"\xff\xfe\0\0", _CONVERT.format(name="UTF-32")),
    Format("UTF-32", b"\0\0\xfe\xff", _CONVERT.format(name="UTF-32")),
    Format("UTF-16", b"\xff\xfe", _CONVERT.format(name="UTF-16")),
    Format("UTF-16", b"\xfe\xff", _CONVERT.format(name="UTF-16")),
)
_BARE = {
    "little": Format("UTF-16 without its mark", b"", _CONVERT.format(name="UTF-16LE")),
    "big": Format("UTF-16 without its mark", b"", _CONVERT.format(name="UTF-16BE")),
}


def format_of(head: bytes) -> Format | None:
    """The kind of a file that begins with `head`; None for what may be text."""
    known = next((one for one in FORMATS if head[one.at : one.at + len(one.begins)] == one.begins), None)
    if known is not None and (known.name != "bzip2" or head.startswith(b"BZh")):
        return known
    start = head[:512]
    even, odd = start[::2], start[1::2]
    if 0 not in even and odd.count(0) > len(odd) / 2:
        return _BARE["little"]
    if 0 not in odd and even.count(0) > len(even) / 2:
        return _BARE["big"]
    return None


def json_lines_field(head: bytes) -> str | None:
    """The longest text field of a file of JSON lines that begins with `head` ("" where none is text); None: no such."""
    first, _, rest = head.partition(b"\n")
    second = rest.partition(b"\n")[0]
    records = [_record(line) for line in (first, second)]
    if records[0] is None or records[1] is None:
        return None
    texts = {name: value for name, value in records[0].items() if isinstance(value, str)}
    return max(texts, key=lambda name: len(texts[name]), default="")


def _record(line: bytes) -> dict[str, Any] | None:
    """A line as an object of JSON, if it is one."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def json_lines_way(file: str, field: str) -> str:
    """The command that takes one field out of a file of JSON lines."""
    wanted = f".{field}" if field.isidentifier() and field.isascii() else f".[{json.dumps(field)}]"
    return f"jq -r {shlex.quote(wanted)} {shlex.quote(file)}"

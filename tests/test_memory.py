"""The memory of this process, told without torch."""

import subprocess
import sys

from lmcore.memory import resident_bytes


def test_memory_grows_with_what_is_held() -> None:
    before = resident_bytes()
    held = bytearray(b"x" * 32_000_000)
    assert resident_bytes() > before + 16_000_000
    assert len(held) == 32_000_000


def test_asking_needs_no_torch() -> None:
    code = "import sys, lmcore.memory as m; assert m.resident_bytes() > 10**6 and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

"""Prompts that were asked before, kept between starts in the person's state folder."""

import json
from pathlib import Path

from lmcore.places import user_folder

KEPT = 500


class PromptHistory:
    """Prompts, oldest first, with a place in them. A file that cannot be read or written never stops anything."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_folder("state") / "prompts.jsonl"
        self.prompts = _load(self.path)
        self._place = len(self.prompts)
        self._draft = ""

    def add(self, prompt: str) -> None:
        """Remember a prompt, unless it is the last one again, and go to the end."""
        if prompt and (not self.prompts or self.prompts[-1] != prompt):
            self.prompts = [*self.prompts, prompt][-KEPT:]
            self._append(prompt)
        self._place = len(self.prompts)

    def earlier(self, present: str) -> str | None:
        """The prompt before the present place, or None at the beginning; the present line is kept to come back to."""
        if self._place == len(self.prompts):
            self._draft = present
        if self._place == 0:
            return None
        self._place -= 1
        return self.prompts[self._place]

    def later(self) -> str | None:
        """The prompt after the present place, at last the line that was being written; None at the end."""
        if self._place >= len(self.prompts):
            return None
        self._place += 1
        return self._draft if self._place == len(self.prompts) else self.prompts[self._place]

    def _append(self, prompt: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_size > 4_000_000:
                self.path.unlink()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(prompt) + "\n")
        except OSError:
            return  # a history that cannot be kept is no reason to stop


def _load(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            lines = file.read(8_000_000).splitlines()
    except OSError:
        return []
    prompts: list[str] = []
    for line in lines[-2 * KEPT :]:
        try:
            prompt = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(prompt, str) and prompt:
            prompts.append(prompt)
    return prompts[-KEPT:]

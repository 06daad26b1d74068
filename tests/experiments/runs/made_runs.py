"""Run directories made by hand, for tests of what reads them."""

import json
from pathlib import Path
from typing import Any

RUN = {
    "id": "1a2b3c4d5e6f7a8b",
    "title": "a run",
    "status": "finished",
    "created": "2026-01-02T03:04:05+01:00",
    "max_steps": 3,
    "config_hash": "1a2b3c4d",
    "data_fingerprint": "d0",
    "tokenizer_fingerprint": "t0",
    "code_digest": "c0",
    "parent": None,
    "floor": 0.25,
    "seed": 1,
    "parameters": 100,
    "latest": {},
}
"""What run.json holds."""


def make_run(runs_folder: Path, name: str, steps: int = 3, **entries: Any) -> Path:
    """A run directory as a finished run leaves it, without checkpoints."""
    folder = runs_folder / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({**RUN, "title": name, **entries}))
    (folder / "config.yaml").write_text("training: {max_steps: 3}\n")
    rows = [json.dumps({"step": step, "tokens": 8 * step, "loss/train": 4.0 - step}) for step in range(1, steps + 1)]
    rows.append(json.dumps({"step": steps, "loss/val": 1.5}))
    (folder / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    return folder

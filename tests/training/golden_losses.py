"""Losses of a tiny model, written down once, so that a change of what training computes cannot pass unseen.

`python -m tests.training.golden_losses` writes them anew.
"""

import json
from pathlib import Path
from typing import Any

import torch

from lmcore.training.optimizers import build_optimizer
from tests.training.tiny import losses_of, tiny_config, tiny_trainer

FILE = Path(__file__).parent / "golden" / "losses.json"
STEPS = 20
RECIPES: dict[str, dict[str, Any]] = {
    "adamw": {"model": {}, "learning_rate": 5e-3, "schedule": "cosine"},
    "adamw, micro-batches": {"model": {"mlp": "swiglu", "bias": True}, "gradient_accumulation_steps": 2},
    "muon": {
        "model": {"norm": "rmsnorm", "positions": "rotary", "mlp": "relu2", "qk_norm": True, "tied_head": False},
        "optimizer": "muon",
        "schedule": "warmup_stable_decay",
        "gradient_clip": 0.5,
    },
}


def golden_losses() -> dict[str, list[float]]:
    """The losses of each recipe's first steps, on one thread, with Muon's products in float32 on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {name: _losses(**recipe) for name, recipe in RECIPES.items()}
    finally:
        torch.set_num_threads(threads)


def _losses(model: dict[str, Any], **training: Any) -> list[float]:
    config = tiny_config(model, max_steps=STEPS, **training)
    trainer = tiny_trainer(config)
    trainer.optimizer = build_optimizer(trainer.model, config.training, muon_dtype=torch.float32)
    return losses_of(trainer, STEPS)


if __name__ == "__main__":
    FILE.write_text(json.dumps(golden_losses(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {FILE}")

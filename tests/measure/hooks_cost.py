"""What do hooks cost that do not act, and hook points that nobody uses? Two ways to train take turns.

    python -m tests.measure.hooks_cost [--config configs/baseline.yaml] [--steps 200] [--pairs 5] [--threads 1]

1. every hook of the catalogue declared but disabled / none declared;
2. the model with its hook points / the same model without them: the calls and the questions whether a point is used are
   taken out of the source of each part, and it is compiled again.

Each pair trains the same steps of the same configuration both ways, from the same weights and on random tokens, in
turns of a few steps that begin with the other way each time. Printed are the median step time of each way and the
median of the pairs' ratios. The losses must be the same bit for bit.
"""

import argparse
import ast
import inspect
import statistics
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType

import torch
from torch import nn

from lmcore.config import TrainingConfig, load_config
from lmcore.config.schema import HookConfig
from lmcore.data.batcher import Batcher
from lmcore.hooks.catalogue import CatalogueEntry, catalogue
from lmcore.model.initialization import initialize
from lmcore.model.transformer import Transformer
from lmcore.training.determinism import set_threads
from lmcore.training.devices import choose_device
from lmcore.training.trainer import Trainer

VOCABULARY = 96
TURN = 5  # steps before the other way's turn
LIMIT = 1.01  # what the project promises

Way = Callable[[TrainingConfig], Trainer]


class WithoutPoints(ast.NodeTransformer):
    """Source of a model's part with `self.hook_x(value)` made `value`, and `self.hook_x.is_used` made False."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call of a hook point is what it was called with."""
        self.generic_visit(node)
        return node.args[0] if _is_point(node.func) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Nobody uses a point that is not there."""
        self.generic_visit(node)
        return ast.Constant(False) if node.attr == "is_used" and _is_point(node.value) else node


def _is_point(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr.startswith("hook_") and node.attr != "hook_points"


def take_points_out(model: nn.Module) -> None:
    """Let each part of a model compute as if it had no hook points."""
    for part in model.modules():
        for name in ("forward", "embed_tokens", "_mix"):
            method = getattr(type(part), name, None)
            if method is None or not type(part).__module__.startswith("lmcore.model"):
                continue
            tree = WithoutPoints().visit(ast.parse(textwrap.dedent(inspect.getsource(method))))
            compiled = compile(ast.fix_missing_locations(tree), f"<{name} without points>", "exec")
            code = next(constant for constant in compiled.co_consts if isinstance(constant, CodeType))
            vars(part)[name] = FunctionType(code, method.__globals__, name, method.__defaults__).__get__(part)


def trainer_of(config: TrainingConfig) -> Trainer:
    """A trainer at step 0, on random tokens."""
    device = choose_device(config.other.device)
    model = Transformer(config.model, VOCABULARY)
    initialize(model, torch.Generator().manual_seed(1))
    tokens = torch.randint(VOCABULARY, (200_000,), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    training = config.training
    batcher = Batcher(tokens, config.model.context_length, training.batch_size, config.dataset.order, 3,
                      training.gradient_accumulation_steps)  # fmt: skip
    return Trainer(config, model.to(device), batcher, device)


def without_points(config: TrainingConfig) -> Trainer:
    """The same without hook points."""
    trainer = trainer_of(config)
    take_points_out(trainer.model)
    return trainer


def with_all_disabled(config: TrainingConfig) -> Trainer:
    """The same with every hook of the catalogue declared and none enabled."""
    hooks = tuple(disabled(index, entry) for index, entry in enumerate(catalogue()))
    return trainer_of(config.model_copy(update={"hooks": hooks}))


def disabled(index: int, entry: CatalogueEntry) -> HookConfig:
    """A declaration of one hook that is off."""
    at = {"activation": "*hook_attn_out", "linear": "blocks.*.mlp.*.weight", "value": "blocks.*.mlp.*.weight"}
    required = [p for p in entry.parameters if p.default is inspect.Parameter.empty]
    given = {p.name: _some(p.annotation) for p in required}
    return HookConfig.model_validate(
        {
            "name": f"{entry.kind} {entry.name} {index}",
            "kind": entry.kind,
            "use": entry.name,
            "at": at.get(entry.stage, "*hook_resid_post" if entry.kind in ("backward", "loss") else "*"),
            "with": given,
            "enabled": False,
        }
    )


def _some(annotation: object) -> object:
    """A value of a type."""
    choices = getattr(annotation, "__args__", ())
    values: dict[object, object] = {float: 0.5, int: 4, str: "", bool: True, list[float]: [0.5], list[int]: [0]}
    return values[annotation] if annotation in values else choices[0]


def compare(title: str, config: TrainingConfig, ways: tuple[Way, Way], steps: int, pairs: int) -> float:
    """Print the medians of two ways to train; returns how much longer a step of the first takes."""
    times: tuple[list[float], list[float]] = ([], [])
    ratios = []
    for pair in range(pairs):
        trainers = [way(config) for way in ways]
        for trainer in trainers:  # caches, allocations and lazy imports are not what is asked about
            for _ in range(TURN):
                trainer.train_step()
        spent: tuple[list[float], list[float]] = ([], [])
        for turn in range(0, steps, TURN):
            order = (0, 1) if (turn // TURN + pair) % 2 == 0 else (1, 0)
            losses: list[list[float]] = [[], []]
            for way in order:
                for _ in range(TURN):
                    before = trainers[way].seconds
                    losses[way].append(trainers[way].train_step().metrics["loss/train"])
                    spent[way].append(trainers[way].seconds - before)
            if losses[0] != losses[1]:
                sys.exit(f"{title}: the losses differ at step {trainers[0].step}: {losses}")
        ratios.append(statistics.median(spent[0]) / statistics.median(spent[1]))
        for all_times, these in zip(times, spent, strict=True):
            all_times.extend(these)
    first, second = (statistics.median(one) * 1000 for one in times)
    ratio = statistics.median(ratios)
    print(f"{title}: {first:.3f} ms / {second:.3f} ms a step, ratio {ratio:.4f} (pairs {min(ratios):.4f} to "
          f"{max(ratios):.4f}): {'within' if ratio <= LIMIT else 'MORE THAN'} {LIMIT - 1:.0%}")  # fmt: skip
    return ratio


def main() -> None:
    """Measure both and say whether each is within the promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/baseline.yaml"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, help="instead of the configuration's")
    options = parser.parse_args()
    config = load_config(options.config)
    set_threads(config.other.threads if options.threads is None else options.threads)
    comparisons: dict[str, tuple[Way, Way]] = {
        "all hooks declared but disabled / none": (with_all_disabled, trainer_of),
        "hook points / no hook points": (trainer_of, without_points),
    }
    ratios = [compare(title, config, ways, options.steps, options.pairs) for title, ways in comparisons.items()]
    sys.exit(0 if max(ratios) <= LIMIT else 1)


if __name__ == "__main__":
    main()

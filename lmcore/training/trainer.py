"""The training step: batch → forward → loss → backward → clip → optimizer, and the numbers that describe it."""

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lmcore.config import TrainingConfig, estimate
from lmcore.hooks.active import Hooks
from lmcore.memory import LESS_TO_LEARN, MemoryFull, in_memory, is_memory_full, memory_sentence
from lmcore.model.loss import next_token_loss
from lmcore.model.transformer import Transformer
from lmcore.training.determinism import be_deterministic, stream_seed
from lmcore.training.devices import keep_freed_memory, peak_flops, synchronize
from lmcore.training.nonfinite import NonFinite, first_non_finite
from lmcore.training.norms import ActivationRms, UpdateNorms
from lmcore.training.optimizers import build_optimizer
from lmcore.training.schedules import learning_rate_at

MicroBatches = list[tuple[Tensor, Tensor]]


class Batches(Protocol):
    """Where batches come from: a pure function of the step, so that nothing of it needs to be saved."""

    def micro_batches(self, step: int) -> MicroBatches:
        """The (inputs, targets) of a step, each int64 [batch, pos]."""
        ...


@dataclass(frozen=True)
class StepResult:
    """What one step did: totals after it, and its metrics by name."""

    step: int  # steps done, this one included
    tokens: int  # tokens learned from so far
    seconds: float  # time spent in steps so far
    metrics: dict[str, float]


class Trainer:
    """A model, its optimizer and its batches, advanced one step at a time.

    Its state is `step`, `tokens`, `seconds`, the tensors of the model, the optimizer and the hooks. Nothing else is
    carried from one step to the next, so training goes on from these bit for bit.
    """

    def __init__(
        self,
        config: TrainingConfig,
        model: Transformer,
        batcher: Batches,
        device: torch.device,
        hooks: Hooks | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """The model is on the device already; `hooks` are those of the configuration unless given.

        `sources` has the texts, by file name, of own files that may run. HookError.
        """
        be_deterministic(device)
        keep_freed_memory()
        self.config = config
        self.model = model
        self.batcher = batcher
        self.device = device
        self.hooks = Hooks(config.hooks, model, config.other.seed, sources) if hooks is None else hooks
        self.optimizer = build_optimizer(model, config.training, sources=sources)
        self.parameters = dict(model.named_parameters())
        self.step = 0
        self.tokens = 0
        self.seconds = 0.0
        self._flops_per_token = estimate(config, model.vocabulary).flops_per_token

    def apply_config(self, config: TrainingConfig) -> None:
        """Use other values from the next step on; only values that the schema calls live may differ."""
        self.config = config

    def train_step(self, norms: bool = False) -> StepResult:
        """Make one step. With `norms`, also measure every parameter, gradient, update, hook and some activations.

        Raises NonFinite if the loss or the gradient is not finite, and HookError if a hook or an optimizer of one's own
        fails; weights, optimizer and hooks are then as they were before the step. MemoryFull says whether they are.
        """
        started = time.perf_counter()
        with in_memory(LESS_TO_LEARN):
            batches = [(x.to(self.device), y.to(self.device)) for x, y in self.batcher.micro_batches(self.step)]
        try:
            with in_memory(LESS_TO_LEARN), self.hooks.in_step(self.step, watch=norms):
                metrics = self._learn(batches, norms)
        finally:
            self._forget_gradients()
        synchronize(self.device)
        seconds = time.perf_counter() - started
        tokens = sum(x.numel() for x, _ in batches)
        self.step += 1
        self.tokens += tokens
        self.seconds += seconds
        metrics |= self._throughput(tokens / seconds)
        return StepResult(self.step, self.tokens, self.seconds, metrics)

    def _learn(self, batches: MicroBatches, norms: bool) -> dict[str, float]:
        """Gradients, checked and clipped, and the update that the optimizer makes of them."""
        config = self.config.training
        activations = ActivationRms(self.model.hook_points()) if norms else None
        with activations or nullcontext():
            losses = self._learn_gradients(batches)
        self.hooks.transform_gradients()

        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        gradient_norms = torch.stack(torch._foreach_norm(gradients))  # [parameter]
        losses["grad/l2_norm/global"] = torch.linalg.vector_norm(gradient_norms)
        values = torch.stack(list(losses.values())).tolist()  # the one place where a step waits for its device
        metrics = {"learning_rate": learning_rate_at(config, self.step), **dict(zip(losses, values, strict=True))}
        if not all(map(math.isfinite, values)):
            raise NonFinite(self.step, self._find_non_finite(batches))
        if 0 < config.gradient_clip < metrics["grad/l2_norm/global"]:
            torch._foreach_mul_(gradients, config.gradient_clip / metrics["grad/l2_norm/global"])

        self.optimizer.set_hyperparameters(config, self.step)
        sizes = UpdateNorms(self.parameters, gradient_norms) if norms else None
        with self.hooks.transformed_directions(self.optimizer):
            self._update()
        if sizes and activations:
            self.hooks.measure_terms(metrics)
            metrics |= sizes.metrics() | activations.metrics() | self.hooks.effects()
        return metrics

    def _update(self) -> None:
        """Let the optimizer make its step; where memory ends amid it, weights may have moved already."""
        try:
            self.optimizer.step()
        except (MemoryError, RuntimeError) as error:
            if is_memory_full(error):
                raise MemoryFull(memory_sentence(error, LESS_TO_LEARN), is_whole=False) from None
            raise

    def _learn_gradients(self, batches: MicroBatches) -> dict[str, Tensor]:
        """Forward and backward; returns the loss, and the terms of loss hooks, as means over all micro-batches."""
        tokens = sum(x.numel() for x, _ in batches)
        means: dict[str, Tensor] = {}
        self.model.train()
        for micro, (x, y) in enumerate(batches):
            self._begin_pass(micro)
            logits = self.model(x)  # [batch, pos, vocabulary]
            terms = {"loss/train": next_token_loss(logits, y), **self.hooks.loss_terms(logits, y)}
            share = x.numel() / tokens  # 1.0 for a single micro-batch, which changes no bit
            torch.autograd.backward([term * share for term in terms.values() if term.requires_grad])
            for name, term in terms.items():
                means[name] = means.get(name, torch.zeros_like(term)) + term.detach() * share
        return means

    def _begin_pass(self, micro: int) -> None:
        self.hooks.begin_micro_batch(micro)
        if self.config.model.dropout > 0:
            torch.manual_seed(stream_seed(self.config.other.seed, "dropout", self.step, micro))

    def _throughput(self, tokens_per_second: float) -> dict[str, float]:
        flops = tokens_per_second * self._flops_per_token
        peak = peak_flops(self.device)
        mfu = {} if peak is None else {"throughput/mfu": flops / peak}
        return {"throughput/tokens_per_second": tokens_per_second, "throughput/flops": flops, **mfu}

    def _find_non_finite(self, batches: MicroBatches) -> str:
        """What is not finite first. HookError if a hook made it so: the step is made again to see which."""
        if self.hooks.acting:
            self._forget_gradients()
            self.hooks.rewind()
            with self.hooks.looking_for_non_finite():
                self._learn_gradients(batches)
                self.hooks.transform_gradients()
            self.hooks.rewind()
        return first_non_finite(self.model, [x for x, _ in batches], self._begin_pass)

    def _forget_gradients(self) -> None:
        for p in self.parameters.values():
            p.grad = None

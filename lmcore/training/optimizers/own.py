"""A person's own optimizer: `training.optimizer: my_optimizer.py:Name`, a class with the methods that AdamW has."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from lmcore.config.schema import OptimizationConfig
from lmcore.errors import UserCodeError
from lmcore.hooks.source import own_error, run_source


class UpdateRule(Protocol):
    """What updates named parameters from their gradients: AdamW, or a class of one's own, made from the parameters."""

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the values that step `step` (counted from 0) is to use."""
        ...

    def step(self) -> None:
        """Update each parameter from its gradient, in place; parameters without one stay."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """The whole state by name, the tensors themselves: all that one step leaves to the next."""
        ...


class DecayingRule(UpdateRule, Protocol):
    """One that tells its weight decay apart from the rest of its step."""

    def decays(self) -> dict[str, float]:
        """The share that weight decay takes from each parameter in this step, by name."""
        ...


class OwnOptimizer:
    """An optimizer of a person's own, held to its promises: a step that fails leaves everything as it was."""

    def __init__(self, use: str, sources: Mapping[str, str], parameters: Mapping[str, nn.Parameter]) -> None:
        """`use` is FILE.py:NAME; `sources` has the text of each own file that was agreed to. UserCodeError."""
        self._use = use
        self._file, _, name = use.rpartition(":")
        self._parameters = dict(parameters)
        self._step = 0
        if self._file not in sources:
            raise UserCodeError(f"optimizer {use!r}: there is no file {self._file!r} that was agreed to")
        module = run_source(self._file, sources[self._file])
        made = getattr(module, name, None)
        if not isinstance(made, type):
            raise UserCodeError(f"optimizer {use!r}: {self._file} defines no class {name!r}")
        missing = [one for one in ("set_hyperparameters", "step", "tensors") if not hasattr(made, one)]
        if missing:
            raise UserCodeError(f"optimizer {use!r}: the class has no {' and no '.join(missing)}")
        try:
            self._rule: UpdateRule = made(dict(parameters))
            self._state = dict(self._rule.tensors())
        except (Exception, SystemExit) as error:
            raise own_error(f"optimizer {use!r} cannot be made", self._file, error) from error
        for key, tensor in self._state.items():
            if not (isinstance(key, str) and isinstance(tensor, Tensor)):
                raise UserCodeError(
                    f"optimizer {use!r}: tensors() must give tensors by name, not {key!r}: {tensor!r:.60}"
                )

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the values that step `step` is to use. UserCodeError."""
        self._step = step
        try:
            self._rule.set_hyperparameters(config, step)
        except (Exception, SystemExit) as error:
            raise own_error(f"optimizer {self._use!r} failed at step {step}", self._file, error) from error

    @torch.no_grad()
    def step(self) -> None:
        """Update each parameter from its gradient. UserCodeError, with parameters and state as they were."""
        watched = {**self._state, **self._parameters}
        before = {name: tensor.clone() for name, tensor in watched.items()}
        try:
            self._rule.step()
            self._check(before)
        except (Exception, SystemExit) as error:
            for name, tensor in watched.items():
                tensor.data = before[name]
            if isinstance(error, UserCodeError):
                raise
            raise own_error(f"optimizer {self._use!r} failed at step {self._step}", self._file, error) from error

    def _check(self, before: Mapping[str, Tensor]) -> None:
        """Hold a step's result to the promises: the state is where it was, and every number is finite."""
        where = f"optimizer {self._use!r}, step {self._step}"
        now = self._rule.tensors()
        for name in [*self._state, *now]:
            if now.get(name) is not self._state.get(name):
                raise UserCodeError(
                    f"{where}: {name!r} is not the tensor that tensors() gave at first; make the whole state in "
                    "__init__ and change it in place, or else a checkpoint cannot bring it back"
                )
        for name, tensor in {**self._state, **self._parameters}.items():
            if tensor.shape != before[name].shape or tensor.dtype != before[name].dtype:
                raise UserCodeError(
                    f"{where}: it changed the shape or the type of {name}, which was {tuple(before[name].shape)}"
                )
            if not torch.isfinite(tensor).all():
                raise UserCodeError(f"{where}: it made {name} not finite; the step was undone")

    def decays(self) -> dict[str, float]:
        """None: what a person's class takes away as weight decay is part of its step."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """The state that the class gave at first, which it keeps in place."""
        return dict(self._state)

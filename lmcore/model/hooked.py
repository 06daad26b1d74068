"""Looking into a model and reaching into it from Python, in the forms that TransformerLens's users write.

logits, seen = model.run_with_cache(tokens, "blocks.*.hook_mlp_out")
logits = model.run_with_hooks(tokens, fwd_hooks=[("blocks.0.attn.hook_z", function)])
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from torch import Tensor, nn

from lmcore.hooks.functions import NamedHook, attached, chosen_names
from lmcore.hooks.points import HookPoint

NamesFilter = str | Sequence[str] | Callable[[str], bool] | None
"""Which hook points: a name or glob, several of them, a function of the name, or None for all."""


class Hooked(nn.Module):
    """A model whose hook points can be listed, read and given functions for a while."""

    def hook_points(self) -> dict[str, HookPoint]:
        """Every hook point by its name, in the order of the forward pass."""
        return {name: module for name, module in self.named_modules() if isinstance(module, HookPoint)}

    def run_with_cache(self, tokens: Tensor, names_filter: NamesFilter = None) -> tuple[Tensor, dict[str, Tensor]]:
        """The logits, and what passed through the chosen hook points (not copied, still part of the graph)."""
        seen: dict[str, Tensor] = {}

        def keep(x: Tensor, point: HookPoint) -> None:
            seen[point.name] = x

        points = self.hook_points()
        handles = [points[name].attach(keep) for name in self._chosen_points(names_filter)]
        try:
            return self(tokens), seen
        finally:
            for handle in handles:
                handle.remove()

    def run_with_hooks(
        self, tokens: Tensor, fwd_hooks: Sequence[NamedHook] = (), bwd_hooks: Sequence[NamedHook] = ()
    ) -> Tensor:
        """The logits with functions attached for this one pass, as in `hooks`; nothing stays behind in the model.

        `bwd_hooks` belong to these logits, and act when backward is called on what is made of them. HookError.
        """
        with attached(self.hook_points(), fwd_hooks, bwd_hooks):
            logits: Tensor = self(tokens)  # [batch, pos, vocabulary]
            return logits

    @contextmanager
    def hooks(self, fwd_hooks: Sequence[NamedHook] = (), bwd_hooks: Sequence[NamedHook] = ()) -> Iterator[Self]:
        """Inside, functions are attached to hook points, each (name or glob, function); after it, none of them is.

        One of `fwd_hooks` gets a copy of an activation and its point, one of `bwd_hooks` that of the gradient that
        comes back to the point, when backward is called inside too; both return a replacement, or None. HookError.
        """
        with attached(self.hook_points(), fwd_hooks, bwd_hooks) as of_gradients:
            try:
                yield self
            finally:
                for detach in of_gradients:
                    detach()

    def _chosen_points(self, names_filter: NamesFilter) -> list[str]:
        names = list(self.hook_points())
        if names_filter is None:
            return names
        filters = [names_filter] if isinstance(names_filter, str) or callable(names_filter) else names_filter
        wanted = {name for one in filters for name in chosen_names(names, one)}
        return [name for name in names if name in wanted]

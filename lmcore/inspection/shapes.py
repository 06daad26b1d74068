"""The shapes of a model's hook points and parameters, in words, without computing anything."""

from collections.abc import Mapping, Sequence

import torch

from lmcore.config.schema import ModelConfig
from lmcore.model.transformer import Transformer


def shapes_of(config: ModelConfig, vocabulary: int) -> tuple[dict[str, str], dict[str, str]]:
    """What passes through each hook point, and each parameter, as in `[batch, pos, 128]`, by name.

    The model is made on torch's meta device, which has shapes and no numbers. Sizes that change with the batch or the
    length of the text are named; a second size that changes with the length is that of the keys looked at.
    """
    with torch.device("meta"):
        model = Transformer(config, vocabulary)
        points = [_shapes_at(model, batch, pos) for batch, pos in ((3, 1), (5, 2))]
    parameters = {name: _said(list(parameter.shape)) for name, parameter in model.named_parameters()}
    return {name: _said(_sizes(points, name)) for name in points[0]}, parameters


def _shapes_at(model: Transformer, batch: int, pos: int) -> dict[str, Sequence[int]]:
    tokens = torch.zeros(batch, pos, dtype=torch.int64)  # [batch, pos]
    with torch.no_grad():
        _, seen = model.run_with_cache(tokens)
    return {name: tuple(x.shape) for name, x in seen.items()}


def _sizes(points: Sequence[Mapping[str, Sequence[int]]], name: str) -> list[int | str]:
    pairs = list(zip(points[0][name], points[1][name], strict=True))
    sizes: list[int | str] = ["batch" if pair == (3, 5) else "pos" if pair == (1, 2) else pair[0] for pair in pairs]
    if sizes.count("pos") == 2:
        sizes[sizes.index("pos")] = "query"
        sizes[sizes.index("pos")] = "key"
    return sizes


def _said(sizes: Sequence[int | str]) -> str:
    return f"[{', '.join(map(str, sizes))}]"

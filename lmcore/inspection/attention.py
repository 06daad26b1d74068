"""Where each head looks."""

from torch import Tensor

from lmcore.inspection.errors import InspectionError
from lmcore.model.modes import only_reading
from lmcore.model.transformer import Transformer


def attention_pattern(model: Transformer, tokens: Tensor, layer: int) -> Tensor:
    """The attention weights of one layer over tokens [pos]: [head, query, key], each row of which sums to 1.

    Raises InspectionError if there is no such layer.
    """
    if not 0 <= layer < model.config.n_layers:
        raise InspectionError(f"the model has no layer {layer}; its layers are 0 to {model.config.n_layers - 1}")
    name = f"blocks.{layer}.attn.hook_pattern"
    with only_reading(model):
        _, seen = model.run_with_cache(tokens[None], name)
    return seen[name][0]  # [head, query, key]

"""The logit lens (nostalgebraist 2020): what the model would say if it stopped after each block."""

import torch
from torch import Tensor

from lmcore.model.modes import only_reading
from lmcore.model.transformer import Transformer


def lens_names(model: Transformer) -> list[str]:
    """Where the lens looks, in the order of `logit_lens`: before the first block, then after each."""
    return ["embed", *(f"blocks.{layer}" for layer in range(model.config.n_layers))]


def logit_lens(model: Transformer, tokens: Tensor) -> Tensor:
    """Log-probabilities of the next token read from the residual stream through the final norm and the head.

    Tokens [pos] → [1 + n_layers, pos, vocabulary]; the last row is the model's own answer.
    """
    with only_reading(model):
        _, seen = model.run_with_cache(tokens[None], ["blocks.0.hook_resid_pre", "blocks.*.hook_resid_post"])
        stream = torch.cat(list(seen.values()))  # [1 + n_layers, pos, d_model]
        return model.logits_of(stream).log_softmax(dim=-1)  # [1 + n_layers, pos, vocabulary]

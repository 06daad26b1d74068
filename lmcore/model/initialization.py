"""The one place where weights get their first values."""

import math

import torch
from torch import nn

from lmcore.model.transformer import Transformer


@torch.no_grad()
def initialize(model: Transformer, generator: torch.Generator) -> None:
    """Set every parameter; the draws come from `generator` (a CPU generator) alone, in the order of the parameters.

    The scheme is GPT-2's (Radford et al. 2019), with zero-initialized projections on request. std is `initial_std`, L
    is `n_layers`; two projections a block are added to the residual stream, hence 2L.

        parameter                          initial value       with zero_init_projections
        embed, pos_embed                   N(0, std²)          N(0, std²)
        attn.query, attn.key, attn.value   N(0, std²)          N(0, std²)
        mlp.up, mlp.gate                   N(0, std²)          N(0, std²)
        attn.output, mlp.down              N(0, std²/(2L))     0
        unembed (of its own: untied)       N(0, std²)          0
        weights of norms                   1                   1
        biases                             0                   0
    """
    config = model.config
    residual_std = config.initial_std / math.sqrt(2 * config.n_layers)
    for name, parameter in model.named_parameters():
        owner = name.rsplit(".", 2)[-2]  # the layer that the parameter belongs to: query, up, ln1, embed …
        if name.endswith(".bias"):
            nn.init.zeros_(parameter)
        elif owner in ("ln1", "ln2", "ln_final"):
            nn.init.ones_(parameter)
        elif config.zero_init_projections and owner in ("output", "down", "unembed"):
            nn.init.zeros_(parameter)
        else:
            std = residual_std if owner in ("output", "down") else config.initial_std
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)

"""The Transformer: tokens in, logits of the next token out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmcore.config.schema import ModelConfig
from lmcore.errors import LabError
from lmcore.hooks.points import HookPoint
from lmcore.model.block import Block
from lmcore.model.cache import KeyValueCache
from lmcore.model.hooked import Hooked
from lmcore.model.norm import build_norm
from lmcore.model.position import build_position_embedding


class ContextError(LabError):
    """More tokens than the model can see at once, or none at all."""


class Transformer(Hooked):
    """A decoder-only Transformer with a hook point wherever a researcher wants to look.

    Its weights have no meaning until `lmcore.model.initialization.initialize` or a checkpoint sets them.
    """

    def __init__(self, config: ModelConfig, vocabulary: int) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = vocabulary
        with torch.random.fork_rng(devices=[]):  # torch's own initial values draw from the global stream
            self.embed = nn.Embedding(vocabulary, config.d_model)
            self.hook_embed = HookPoint()  # [batch, pos, d_model]
            self.pos_embed = build_position_embedding(config)
            if self.pos_embed is not None:
                self.hook_pos_embed = HookPoint()  # [batch, pos, d_model]
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
            self.ln_final = build_norm(config)
            self.unembed = None if config.tied_head else nn.Linear(config.d_model, vocabulary, bias=False)
        for name, point in self.hook_points().items():
            point.name = name

    def forward(self, tokens: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Tokens [batch, pos] → logits [batch, pos, vocabulary] in float32.

        With a cache, the tokens continue those that the cache holds, and are added to it. Raises ContextError when
        there would be more than `context_length`.
        """
        x = self.embed_tokens(tokens, 0 if cache is None else cache.length)  # [batch, pos, d_model]
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)  # [batch, pos, d_model]
        if cache is not None:
            cache.advance(tokens.shape[1])
        return self.logits_of(x)  # [batch, pos, vocabulary]

    def embed_tokens(self, tokens: Tensor, start: int = 0) -> Tensor:
        """Tokens [batch, pos], the first at position `start` → what enters the first block [batch, pos, d_model]."""
        end = start + tokens.shape[1]
        if not 0 < tokens.shape[1] <= self.config.context_length - start:
            raise ContextError(
                f"the model sees 1 to {self.config.context_length} tokens at once (model.context_length), not {end}"
            )
        x: Tensor = self.hook_embed(self.embed(tokens))  # [batch, pos, d_model]
        if self.pos_embed is not None:
            position = self.pos_embed(torch.arange(start, end, device=tokens.device))  # [pos, d_model]
            position = position.expand_as(x)  # [batch, pos, d_model]: one memory for the whole batch
            if self.hook_pos_embed.is_used:
                position = position.clone()  # that can be written into
            x = x + self.hook_pos_embed(position)  # [batch, pos, d_model]
        return F.dropout(x, self.config.dropout, self.training)  # [batch, pos, d_model]

    def logits_of(self, x: Tensor) -> Tensor:
        """Final norm and head: residual stream [batch, pos, d_model] → logits [batch, pos, vocabulary] in float32."""
        x = self.ln_final(x)  # [batch, pos, d_model]
        head = F.linear(x, self.embed.weight) if self.unembed is None else self.unembed(x)
        logits = head.float()  # [batch, pos, vocabulary]
        cap = self.config.logit_soft_cap
        return cap * torch.tanh(logits / cap) if cap > 0 else logits

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embed.weight.device

    def new_cache(self, batch: int = 1) -> KeyValueCache:
        """An empty key–value cache of the right shape on the right device."""
        return KeyValueCache(self.config, batch, self.device)

    def components(self) -> list[str]:
        """The parts that own parameters, in order: embed, pos_embed, blocks.0.attn, blocks.0.mlp, …, ln_final, unembed.

        A tied head owns none; it is the embedding.
        """
        return list(dict.fromkeys(self.component_of(name) for name, _ in self.named_parameters()))

    def component_of(self, parameter_name: str) -> str:
        """The component that a parameter belongs to; ln1 counts to its block's attn, ln2 to its mlp."""
        parts = parameter_name.split(".")
        if parts[0] != "blocks":
            return parts[0]
        return f"blocks.{parts[1]}.{ {'ln1': 'attn', 'ln2': 'mlp'}.get(parts[2], parts[2]) }"

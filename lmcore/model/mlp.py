"""The MLP of a block: up to d_mlp, a nonlinearity, and down again."""

import torch.nn.functional as F
from torch import Tensor, nn

from lmcore.config.schema import ModelConfig
from lmcore.hooks.points import HookPoint


class MLP(nn.Module):
    """down(f(up(x))), with f one of gelu (exact, Hendrycks & Gimpel 2016), relu, relu2 (relu squared, So et al. 2021).

    swiglu (Shazeer 2020) is down(silu(gate(x)) · up(x)); its hook_pre is the gate before silu.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.kind = config.mlp
        self.up = nn.Linear(config.d_model, config.mlp_width, bias=config.bias)
        self.gate = nn.Linear(config.d_model, config.mlp_width, bias=config.bias) if self.kind == "swiglu" else None
        self.hook_pre = HookPoint()  # [batch, pos, d_mlp]
        self.hook_post = HookPoint()  # [batch, pos, d_mlp]
        self.down = nn.Linear(config.mlp_width, config.d_model, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, pos, d_model] → [batch, pos, d_model]."""
        if self.gate is not None:
            pre = self.hook_pre(self.gate(x))  # [batch, pos, d_mlp]
            post = self.hook_post(F.silu(pre) * self.up(x))  # [batch, pos, d_mlp]
        else:
            pre = self.hook_pre(self.up(x))  # [batch, pos, d_mlp]
            post = self.hook_post(self._activation(pre))  # [batch, pos, d_mlp]
        out: Tensor = self.down(post)  # [batch, pos, d_model]
        return out

    def _activation(self, pre: Tensor) -> Tensor:
        if self.kind == "gelu":
            return F.gelu(pre)
        positive = F.relu(pre)
        return positive if self.kind == "relu" else positive * positive

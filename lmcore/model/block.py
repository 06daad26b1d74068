"""One Transformer block: attention and MLP, each read from a norm and added back to the residual stream."""

from torch import Tensor, nn

from lmcore.config.schema import ModelConfig
from lmcore.hooks.points import HookPoint
from lmcore.model.attention import Attention
from lmcore.model.cache import KeyValueCache
from lmcore.model.mlp import MLP
from lmcore.model.norm import build_norm


class Block(nn.Module):
    """mid = x + attention(norm(x)); post = mid + mlp(norm(mid)): the pre-norm block (Xiong et al. 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.hook_resid_pre = HookPoint()  # [batch, pos, d_model]
        self.ln1 = build_norm(config)
        self.attn = Attention(config)
        self.hook_attn_out = HookPoint()  # [batch, pos, d_model]
        self.hook_resid_mid = HookPoint()  # [batch, pos, d_model]
        self.ln2 = build_norm(config)
        self.mlp = MLP(config)
        self.hook_mlp_out = HookPoint()  # [batch, pos, d_model]
        self.hook_resid_post = HookPoint()  # [batch, pos, d_model]
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, cache: KeyValueCache | None = None, layer: int = 0) -> Tensor:
        """[batch, pos, d_model] → [batch, pos, d_model]."""
        pre = self.hook_resid_pre(x)  # [batch, pos, d_model]
        attn_out = self.hook_attn_out(self.dropout(self.attn(self.ln1(pre), cache, layer)))  # [batch, pos, d_model]
        mid = self.hook_resid_mid(pre + attn_out)  # [batch, pos, d_model]
        mlp_out = self.hook_mlp_out(self.dropout(self.mlp(self.ln2(mid))))  # [batch, pos, d_model]
        return self.hook_resid_post(mid + mlp_out)  # [batch, pos, d_model]

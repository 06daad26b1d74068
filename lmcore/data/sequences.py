"""The third stage: windows of tokens, and the same windows one token later as what is to be predicted."""

import torch
from torch import Tensor

from lmcore.data.errors import DataError


class Windows:
    """Every window of `context_length` tokens that has a next token: x = [t0 … t255], y = [t1 … t256]."""

    def __init__(self, tokens: Tensor, context_length: int) -> None:
        """`tokens`: one long row of ids, uint8 or int32 [token]. Raises DataError where not even one window fits."""
        if len(tokens) <= context_length:
            raise DataError(
                f"a window of {context_length:,} tokens and the token after it need {context_length + 1:,}, but the "
                f"text has {len(tokens):,}: use a longer text or a smaller model.context_length"
            )
        self.tokens = tokens
        self.context_length = context_length
        self.positions = len(tokens) - context_length  # windows that may overlap: one for each start
        self.count = (len(tokens) - 1) // context_length  # windows side by side
        self._reach = torch.arange(context_length + 1)

    def at(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """The windows that begin at `starts` (int64 [batch]): x and y, both int64 [batch, pos]."""
        ids = self.tokens[starts[:, None] + self._reach]  # [batch, pos + 1]
        return ids[:, :-1].long(), ids[:, 1:].long()

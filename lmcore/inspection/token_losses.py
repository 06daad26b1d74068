"""Which tokens of a text surprise the model."""

from torch import Tensor

from lmcore.inspection.errors import InspectionError
from lmcore.model.loss import token_losses
from lmcore.model.modes import only_reading
from lmcore.model.transformer import Transformer


def losses_of_text(model: Transformer, tokens: Tensor) -> Tensor:
    """The loss in nats of each token after the first: tokens [pos] → [pos - 1].

    Raises InspectionError for fewer than two tokens.
    """
    if len(tokens) < 2:
        raise InspectionError("token losses need a text of at least two tokens: the first one has nothing before it")
    with only_reading(model):
        logits = model(tokens[None, :-1])  # [1, pos - 1, vocabulary]
        return token_losses(logits, tokens[None, 1:])[0]  # [pos - 1]

"""What the inspections found, as tables of plain values for a front end."""

from collections.abc import Sequence

from torch import Tensor

from lmcore.data.tokenizers.interface import Tokenizer
from lmcore.inspection.attention import attention_pattern
from lmcore.inspection.errors import InspectionError
from lmcore.inspection.logit_lens import lens_names, logit_lens
from lmcore.inspection.norms import parameter_rows
from lmcore.inspection.token_losses import losses_of_text
from lmcore.model.transformer import Transformer

Value = str | float | None
Table = tuple[tuple[str, ...], list[tuple[Value, ...]]]
"""Headings, and rows with one value for each heading."""


def inspect(model: Transformer, tokenizer: Tokenizer, what: str, target: str = "", prompt: str = "") -> Table:
    """Answer one question about a model.

    `what` is "parameters" (`target`: a component), "attention" (`target`: a layer such as `2`, or a head in it such as
    `2.0`; without a head, the mean over heads), "logit_lens" or "token_losses"; the last three read the end of `prompt`
    that fits the context. Raises InspectionError for anything else.
    """
    if what == "parameters":
        return parameter_table(model, target)
    ids = tokenizer.encode(prompt).ids
    if what not in ("attention", "logit_lens", "token_losses"):
        raise InspectionError(f"cannot inspect {what!r}; there are parameters, attention, logit_lens and token_losses")
    if len(ids) == 0:
        raise InspectionError(f"{what} needs a text to read")
    longest = model.config.context_length + (what == "token_losses")  # the last token is a target only
    ids = ids[-longest:].to(model.device)  # [pos]
    if what == "attention":
        return attention_table(model, tokenizer, ids, target)
    return lens_table(model, tokenizer, ids) if what == "logit_lens" else loss_table(model, tokenizer, ids)


def parameter_table(model: Transformer, component: str) -> Table:
    """The parameters of a component with their sizes."""
    rows: list[tuple[Value, ...]] = [
        (row.name, " × ".join(map(str, row.shape)), row.weight_norm, row.gradient_norm, row.rms, row.largest)
        for row in parameter_rows(model, component)
    ]
    return ("parameter", "shape", "weight norm", "gradient norm", "rms", "largest"), rows


def attention_table(model: Transformer, tokenizer: Tokenizer, ids: Tensor, target: str) -> Table:
    """A row for each query token, with its attention to each key token."""
    layer, head = _layer_and_head(target, model)
    pattern = attention_pattern(model, ids, layer)  # [head, query, key]
    grid = pattern.mean(dim=0) if head is None else pattern[head]  # [query, key]
    words = _words(tokenizer, ids.tolist())
    return ("query", *words), [(word, *row) for word, row in zip(words, grid.tolist(), strict=True)]


def lens_table(model: Transformer, tokenizer: Tokenizer, ids: Tensor, top: int = 3) -> Table:
    """After each block, the likeliest next tokens at the end of the text, and their probabilities."""
    found = logit_lens(model, ids)[:, -1].exp().topk(min(top, model.vocabulary))  # [1 + n_layers, top]
    rows: list[tuple[Value, ...]] = []
    for name, tokens, shares in zip(lens_names(model), found.indices.tolist(), found.values.tolist(), strict=True):
        pairs = zip(_words(tokenizer, tokens), shares, strict=True)
        rows.append((name, *(value for pair in pairs for value in pair)))
    places = range(1, found.indices.shape[1] + 1)
    return ("after", *(heading for place in places for heading in (f"token {place}", f"probability {place}"))), rows


def loss_table(model: Transformer, tokenizer: Tokenizer, ids: Tensor) -> Table:
    """The loss of each token of the text in nats; the first has none."""
    losses: list[float | None] = [None, *losses_of_text(model, ids).tolist()]
    return ("token", "loss"), list(zip(_words(tokenizer, ids.tolist()), losses, strict=True))


def _words(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    return [tokenizer.decode([token]) for token in ids]


def _layer_and_head(target: str, model: Transformer) -> tuple[int, int | None]:
    layer, dot, head = target.removeprefix("blocks.").removesuffix(".attn").partition(".")
    if not layer.isdecimal() or (dot and not head.isdecimal()):
        raise InspectionError(f"{target!r} names no layer; write a layer such as 0, or a layer and a head such as 0.1")
    if dot and int(head) >= model.config.n_heads:
        raise InspectionError(f"a layer has no head {head}; its heads are 0 to {model.config.n_heads - 1}")
    return int(layer), int(head) if dot else None

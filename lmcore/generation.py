"""Text drawn from the model token by token, without touching anything that training uses."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lmcore.config.schema import SamplingConfig
from lmcore.data.tokenizers.interface import Tokenizer
from lmcore.errors import LabError
from lmcore.model.cache import KeyValueCache
from lmcore.model.modes import only_reading
from lmcore.model.transformer import Transformer


class GenerationError(LabError):
    """The model cannot be asked, for the reason that the message gives."""


@dataclass(frozen=True)
class Piece:
    """One generated token and the text that became certain with it.

    `text` may be empty, or hold several characters: a character can span tokens, and text that could be the beginning
    of the stop text waits until it is clear.
    """

    token: int
    text: str


def generate(model: Transformer, tokenizer: Tokenizer, prompt: str, settings: SamplingConfig) -> Iterator[Piece]:
    """Continue a prompt: one piece for each token, until `max_tokens` or where the stop text appears (it is left out).

    The draws come from a generator of their own, seeded by `settings.seed`. Each token is one pass in evaluation mode;
    between the pieces the model is as it was, so the caller may stop at any piece. Its weights must not change between
    the pieces of one answer. Raises GenerationError when the model's output is not finite, and the tokenizer's
    ValueError when it refuses the prompt.
    """
    ids, _ = encode_prompt(tokenizer, prompt)
    recent: list[int] = ids[-model.config.context_length :].tolist()
    cache = model.new_cache()
    generator = torch.Generator().manual_seed(settings.seed)
    decoder, stop = tokenizer.streaming_decoder(), StopText(settings.stop)
    for remaining in reversed(range(settings.max_tokens)):
        token = draw(next_logits(model, recent, cache), settings, generator)
        recent.append(token)
        text = stop.push(decoder.push(token))
        if remaining == 0:
            text += stop.push(decoder.flush()) + stop.flush()
        yield Piece(token, text)
        if stop.found:
            return


def encode_prompt(tokenizer: Tokenizer, prompt: str) -> tuple[Tensor, str]:
    """The prompt's token ids [pos], at least one, and the tokenizer's note on characters that it could not keep.

    A prompt without tokens becomes a line break, so that the model has something to start from.
    """
    encoded = tokenizer.encode(prompt)
    return (encoded.ids if len(encoded.ids) else tokenizer.encode("\n").ids), encoded.note


def next_logits(model: Transformer, recent: list[int], cache: KeyValueCache) -> Tensor:
    """Logits [vocabulary] of the token after `recent`, of which the cache holds all but the newest.

    When `recent` has outgrown the context, its last three quarters are kept and read afresh: dropping the oldest token
    alone would move every position, so that the whole window had to be read again for each token. That way a token
    costs a few times its own pass on average, and the model always sees at least three quarters of a context.
    """
    context_length = model.config.context_length
    if len(recent) > context_length:
        del recent[: -max(1, context_length * 3 // 4)]
        cache.clear()
    unread = torch.tensor([recent[cache.length :]], device=model.device)  # [1, pos]
    with only_reading(model):
        logits: Tensor = model(unread, cache)[0, -1].cpu()  # [vocabulary]
    if not logits.isfinite().all():
        raise GenerationError(
            "the model's output is not finite (NaN or infinity), so no token can be drawn; its weights were probably "
            "damaged by too high a learning rate: load an earlier checkpoint"
        )
    return logits


def draw(logits: Tensor, settings: SamplingConfig, generator: torch.Generator) -> int:
    """One token from logits [vocabulary]: temperature, then top-k, then top-p (nucleus, Holtzman et al. 2019)."""
    if settings.temperature == 0:
        return int(logits.argmax())
    values, tokens = logits.double().sort(descending=True, stable=True)  # [vocabulary]
    if settings.top_k > 0:
        values = values[: settings.top_k]  # [kept]
    probabilities = ((values - values[0]) / settings.temperature).softmax(dim=0)  # [kept]
    if settings.top_p < 1:
        likelier = probabilities.cumsum(dim=0) - probabilities  # [kept]: the share of all tokens before each
        probabilities = probabilities[likelier < settings.top_p]  # [kept]
    return int(tokens[torch.multinomial(probabilities, 1, generator=generator)])


class StopText:
    """Lets text through until the stop text appears, which may arrive in parts. An empty stop text never appears."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.found = False
        self._held = ""

    def push(self, text: str) -> str:
        """The text that is certainly before the stop text; what could be its beginning is held back."""
        if self.found:
            return ""
        if not self.stop:
            return text
        text = self._held + text
        before, found, _ = text.partition(self.stop)
        self.found = bool(found)
        longest = 0 if self.found else min(len(text), len(self.stop) - 1)
        held = next((n for n in range(longest, 0, -1) if self.stop.startswith(text[-n:])), 0)
        self._held = text[len(text) - held :]
        return before[: len(before) - held]

    def flush(self) -> str:
        """What was held back and turned out not to be the stop text."""
        held, self._held = self._held, ""
        return held

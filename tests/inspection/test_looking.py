"""Attention patterns, the logit lens, token losses, and their tables: right, and without a trace in the model."""

import pytest
import torch

from lmcore.data.tokenizers.character import CharTokenizer
from lmcore.inspection.attention import attention_pattern
from lmcore.inspection.errors import InspectionError
from lmcore.inspection.logit_lens import lens_names, logit_lens
from lmcore.inspection.tables import inspect
from lmcore.inspection.token_losses import losses_of_text
from lmcore.model.loss import next_token_loss
from lmcore.model.transformer import Transformer
from tests.model.tiny import lively_model, some_tokens

CHAR = CharTokenizer()


@pytest.fixture
def model() -> Transformer:
    return lively_model(vocabulary=128, dropout=0.2).train()


def test_attention_is_a_distribution_over_the_past(model: Transformer) -> None:
    pattern = attention_pattern(model, some_tokens(1)[0], 1)
    assert pattern.shape == (2, 12, 12)
    assert torch.allclose(pattern.sum(dim=-1), torch.ones(2, 12))
    assert (pattern.triu(1) == 0).all()


@pytest.mark.parametrize("layer", [-1, 2])
def test_a_layer_that_is_not_there_is_named_with_those_that_are(model: Transformer, layer: int) -> None:
    with pytest.raises(InspectionError, match="its layers are 0 to 1"):
        attention_pattern(model, some_tokens(1)[0], layer)


def test_the_last_row_of_the_lens_is_the_models_answer(model: Transformer) -> None:
    tokens = some_tokens(1)
    lens = logit_lens(model, tokens[0])
    assert lens.shape == (len(lens_names(model)), 12, 128)
    model.eval()
    assert torch.allclose(lens[-1], model(tokens)[0].log_softmax(dim=-1), atol=1e-5)
    embedded = model.logits_of(model.embed_tokens(tokens))[0].log_softmax(dim=-1)
    assert torch.allclose(lens[0], embedded, atol=1e-5)


def test_token_losses_average_to_the_loss(model: Transformer) -> None:
    tokens = some_tokens(1, 10)
    losses = losses_of_text(model, tokens[0])
    assert losses.shape == (9,)
    model.eval()
    assert torch.allclose(losses.mean(), next_token_loss(model(tokens[:, :-1]), tokens[:, 1:]))
    with pytest.raises(InspectionError, match="at least two tokens"):
        losses_of_text(model, tokens[0, :1])


QUESTIONS = [
    ("parameters", "blocks.0.attn"),
    ("attention", "0"),
    ("attention", "blocks.1.attn"),
    ("attention", "1.0"),
    ("logit_lens", ""),
    ("token_losses", ""),
]


@pytest.mark.parametrize(("what", "target"), QUESTIONS)
@pytest.mark.parametrize("prompt", ["Hello", "A text that is longer than the twelve tokens of the context."])
def test_tables_are_rectangular_and_plain_and_leave_the_model_as_it_was(
    model: Transformer, what: str, target: str, prompt: str
) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    global_state = torch.random.get_rng_state()
    headings, rows = inspect(model, CHAR, what, target, prompt)
    assert rows
    assert all(len(row) == len(headings) for row in rows)
    assert all(value is None or type(value) in (str, float) for row in rows for value in row)
    assert torch.equal(torch.random.get_rng_state(), global_state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(module.training for module in model.modules())
    assert not any(point.is_used for point in model.hook_points().values())
    assert torch.is_grad_enabled()


def test_looking_between_steps_leaves_the_gradients(model: Transformer) -> None:
    next_token_loss(model(some_tokens()), some_tokens(seed=1)).backward()
    before = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    for what, target in QUESTIONS:
        inspect(model, CHAR, what, target, "Hello")
    assert all(torch.equal(p.grad, before[name]) for name, p in model.named_parameters() if p.grad is not None)
    assert len(before) == len(list(model.parameters()))


def test_the_table_of_one_head_is_that_head_and_without_a_head_the_mean(model: Transformer) -> None:
    ids = CHAR.encode("Hello").ids
    pattern = attention_pattern(model, ids, 1)
    _, mean = inspect(model, CHAR, "attention", "1", "Hello")
    headings, head = inspect(model, CHAR, "attention", "1.1", "Hello")
    assert headings == ("query", "H", "e", "l", "l", "o")
    assert [row[0] for row in head] == ["H", "e", "l", "l", "o"]
    assert torch.allclose(torch.tensor([row[1:] for row in head]), pattern[1])
    assert torch.allclose(torch.tensor([row[1:] for row in mean]), pattern.mean(dim=0))


def test_the_table_of_losses_gives_the_first_token_none(model: Transformer) -> None:
    _, rows = inspect(model, CHAR, "token_losses", "", "Hello")
    assert [row[0] for row in rows] == ["H", "e", "l", "l", "o"]
    assert rows[0][1] is None and all(isinstance(row[1], float) for row in rows[1:])


@pytest.mark.parametrize(
    ("what", "target", "prompt", "sentence"),
    [
        ("parameters", "blocks.9.mlp", "", "no component"),
        ("attention", "first", "Hello", "names no layer"),
        ("attention", "0.x", "Hello", "names no layer"),
        ("attention", "9", "Hello", "no layer 9"),
        ("attention", "0.5", "Hello", "heads are 0 to 1"),
        ("attention", "0", "", "needs a text"),
        ("token_losses", "", "a", "at least two tokens"),
        ("dreams", "", "Hello", "cannot inspect 'dreams'"),
    ],
)
def test_what_cannot_be_looked_at_is_answered_with_a_sentence(
    model: Transformer, what: str, target: str, prompt: str, sentence: str
) -> None:
    with pytest.raises(InspectionError, match=sentence):
        inspect(model, CHAR, what, target, prompt)

"""`with model.hooks(…)`: functions on hook points for a while, and nothing of them afterwards."""

from functools import partial

import pytest
import torch
from torch import Tensor

from lmcore.hooks.catalogue import HookError
from lmcore.hooks.points import HookPoint, HookPointError
from lmcore.model.transformer import Transformer
from tests.training.tiny import tiny_config, tiny_model

TOKENS = torch.arange(24).view(2, 12) % 11


@pytest.fixture
def model() -> Transformer:
    return tiny_model(tiny_config())


def gradient(model: Transformer, name: str) -> Tensor:
    model.zero_grad()
    model(TOKENS).logsumexp(-1).sum().backward()
    grad = model.get_parameter(name).grad
    assert grad is not None
    return grad.clone()


def double(x: Tensor, point: HookPoint) -> Tensor:
    return 2 * x


def test_functions_act_inside_and_not_after(model: Transformer) -> None:
    plain = model(TOKENS)
    with model.hooks(fwd_hooks=[("blocks.*.hook_mlp_out", double)]) as same:
        assert same is model
        assert not torch.equal(model(TOKENS), plain)
        assert torch.equal(model(TOKENS), model.run_with_hooks(TOKENS, []))
    assert torch.equal(model(TOKENS), plain)
    assert torch.equal(model.run_with_hooks(TOKENS, [("blocks.*.hook_mlp_out", lambda x, point: None)]), plain)


def test_a_gradient_may_be_looked_at_and_replaced(model: Transformer) -> None:
    name = "blocks.0.mlp.down.weight"
    plain, seen = gradient(model, name), {}

    def look(gradient: Tensor, point: HookPoint) -> None:
        seen[point.name] = gradient.shape

    with model.hooks(bwd_hooks=[("blocks.0.hook_resid_post", double), ("*hook_z", look)]):
        assert torch.equal(gradient(model, name), 2 * plain)
        with torch.no_grad():
            model(TOKENS)
        kept = model(TOKENS)
    assert set(seen) == {"blocks.0.attn.hook_z", "blocks.1.attn.hook_z"}
    seen.clear()
    kept.sum().backward()
    assert seen == {}
    assert torch.equal(gradient(model, name), plain)


@pytest.mark.parametrize("where", ["fwd_hooks", "bwd_hooks"])
def test_nothing_is_left_behind_by_an_error_or_a_wrong_name(model: Transformer, where: str) -> None:
    def fail(x: Tensor, point: HookPoint) -> Tensor:
        raise KeyError(point.name)

    with pytest.raises(KeyError, match="hook_embed"), model.hooks(**{where: [("hook_embed", fail)]}):
        gradient(model, "embed.weight")
    with pytest.raises(HookPointError, match="hook_resid_post"):
        model.hooks(**{where: [("hook_embed", double), ("blocks.0.hook_resid_pst", double)]}).__enter__()
    assert not any(point.is_used for point in model.hook_points().values())


def by_keyword(x: Tensor, *, hook: HookPoint) -> Tensor:
    assert hook.name.endswith("hook_mlp_out")
    return 2 * x


class Doubled:
    """A function with a state."""

    def __call__(self, x: Tensor, point: HookPoint) -> Tensor:
        return 2 * x


FORMS = {
    "position": double,
    "keyword": by_keyword,
    "partial": partial(lambda x, hook, factor: factor * x, factor=2),
    "any keywords": lambda x, **given: given["hook"].name and 2 * x,
    "any positions": lambda *given: 2 * given[0],
    "object": Doubled(),
}


@pytest.mark.parametrize("form", FORMS)
def test_functions_are_called_in_the_forms_that_people_write(model: Transformer, form: str) -> None:
    expected = model.run_with_hooks(TOKENS, [("blocks.*.hook_mlp_out", double)])
    assert torch.equal(model.run_with_hooks(TOKENS, [("blocks.*.hook_mlp_out", FORMS[form])]), expected)
    assert torch.equal(
        model.run_with_hooks(TOKENS, [(lambda name: name.endswith("hook_mlp_out"), FORMS[form])]), expected
    )


def test_a_gradient_may_be_returned_in_a_tuple_and_functions_live_as_long_as_the_logits(model: Transformer) -> None:
    name = "blocks.0.mlp.down.weight"
    plain = gradient(model, name)
    model.zero_grad()
    logits = model.run_with_hooks(TOKENS, bwd_hooks=[("blocks.0.hook_resid_post", lambda grad, hook: (2 * grad,))])
    logits.logsumexp(-1).sum().backward()
    assert torch.equal(model.get_parameter(name).grad, 2 * plain)
    assert torch.equal(gradient(model, name), plain)


RESULTS = {
    "shape": (lambda x, hook: x[:, :5], r"a tensor of the shape \(2, 12, 16\), not \(2, 5, 16\)"),
    "tuple": (lambda x, hook: (x, x), r"a tensor of the shape \(2, 12, 16\), not tuple"),
    "type": (lambda x, hook: x.double(), "torch.float32 on cpu, not torch.float64 on cpu"),
}


@pytest.mark.parametrize("where", ["fwd_hooks", "bwd_hooks"])
@pytest.mark.parametrize("result", RESULTS)
def test_a_wrong_result_is_refused_with_function_and_place(model: Transformer, where: str, result: str) -> None:
    function, sentence = RESULTS[result]
    said = rf"^the function <lambda> of {where} failed at blocks\.0\.hook_mlp_out: it must return {sentence}$"
    with pytest.raises(HookError, match=said), model.hooks(**{where: [("blocks.0.hook_mlp_out", function)]}):
        gradient(model, "embed.weight")
    assert not any(point.is_used for point in model.hook_points().values())


@pytest.mark.parametrize("where", ["fwd_hooks", "bwd_hooks"])
@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        (("hook_embed", lambda x: x), r"the function <lambda> of \w+ cannot act at hook_embed: it must take the act"),
        (("hook_embed", lambda x, hook, position: x), r"f\(x, hook\), and it is <lambda>\(x, hook, position\)"),
        (("hook_embed", 3), r"is a list of pairs \(hook point, function\), and this is none: \('hook_embed', 3\)"),
        ("hook_embed", r"is a list of pairs \(hook point, function\), and this is none: 'hook_embed'"),
        ((3, double), "a hook point is chosen by a name, a glob or a function of its name, not 3"),
        ((lambda name: False, double), "the function <lambda> chooses no hook point; there are for example hook_embed"),
    ],
)
def test_what_cannot_be_attached_is_refused(model: Transformer, where: str, hook: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refusal:
        model.run_with_hooks(TOKENS, **{where: [("hook_embed", double), hook]})
    assert isinstance(refusal.value, HookError | HookPointError)
    assert not any(point.is_used for point in model.hook_points().values())


def test_a_filter_that_chooses_nothing_is_refused_and_an_error_says_where_it_happened(model: Transformer) -> None:
    with pytest.raises(HookPointError, match="chooses no hook point"):
        model.run_with_cache(TOKENS, lambda name: False)

    def fail(x: Tensor, hook: HookPoint) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError) as failure:
        model.run_with_hooks(TOKENS, [("blocks.1.hook_mlp_out", fail)])
    assert failure.value.__notes__ == ["This happened in the function fail of fwd_hooks, at blocks.1.hook_mlp_out."]


def test_functions_work_without_gradients_in_each_of_torchs_ways(model: Transformer) -> None:
    def write(x: Tensor, hook: HookPoint) -> None:
        x[..., 0] = 0.0

    hooks = [("blocks.0.hook_resid_post", write)]
    expected = model.run_with_hooks(TOKENS, hooks)
    for way in (torch.no_grad, torch.inference_mode):
        with way():
            assert torch.equal(model.run_with_hooks(TOKENS, hooks), expected)

"""Hooks of one's own: loaded from a text, apart from the built-ins, and their errors told with file and line."""

import pytest
import torch

from lmcore.errors import UserCodeError
from lmcore.hooks.catalogue import HookError, catalogue, load_source
from tests.hooks.own_hooks import FILE, TEXT, declared, hooks_of

TOKENS = torch.arange(12).view(1, 12) % 11


def test_the_functions_of_a_file_have_its_name_before_theirs_and_are_no_built_ins() -> None:
    before = catalogue()
    entries = load_source(FILE, TEXT)
    assert catalogue() == before
    times = entries["forward", "my_hooks.py:times"]
    assert (times.kind, times.stage, times.file) == ("forward", "activation", FILE)
    assert times.summary == "Multiply."
    assert [parameter.annotation for parameter in times.parameters] == [float]
    drift = entries["forward", "my_hooks.py:drift"]
    assert [parameter.name for parameter in drift.parameters] == ["std"]
    assert drift.supplied == {"generator", "state"}


@pytest.mark.parametrize(
    ("text", "sentence", "traced"),
    [
        ("x = 1\ny = (\n", "line 2", "y = ("),
        ("import torch\n\ntorch.nothing\n", "line 3: AttributeError", "torch.nothing"),
        ("exit(3)\n", "line 1: SystemExit", "exit(3)"),
        (
            "from lmcore.hooks.catalogue import hook\n@hook('forward')\ndef f(x): ...\n",
            r"f must be f\(x, point",
            "@hook",
        ),
    ],
)
def test_an_error_in_a_file_is_told_with_its_line_and_trace(text: str, sentence: str, traced: str) -> None:
    with pytest.raises(UserCodeError, match=f"{FILE}.*{sentence}") as refusal:
        load_source(FILE, text)
    assert FILE in refusal.value.trace and traced in refusal.value.trace


def test_a_function_or_file_that_is_not_there_is_named() -> None:
    with pytest.raises(HookError, match=r"did you mean 'my_hooks\.py:times'"):
        hooks_of(declared(use="tims", at="hook_embed"))
    with pytest.raises(HookError, match=r"'other\.py', which is not among the files"):
        hooks_of({"name": "mine", "use": "other.py:times", "at": "hook_embed"})


def test_an_error_in_a_function_names_hook_place_step_and_line() -> None:
    text = TEXT.replace("return x * factor", "return x * factor / None")
    model, hooks = hooks_of(declared(use="times", at="blocks.0.hook_mlp_out"), text=text)
    hooks.at_step(7)
    with pytest.raises(UserCodeError) as failure:
        model(TOKENS)
    assert str(failure.value).startswith("hook 'mine' failed at blocks.0.hook_mlp_out, step 7: line 15: TypeError")
    assert "return x * factor / None" in failure.value.trace
    assert "calls.py" not in failure.value.trace


def test_a_file_reloaded_acts_at_once_and_a_bad_one_not_at_all() -> None:
    model, hooks = hooks_of(declared(use="times", at="blocks.*.hook_resid_post"))
    hooks.at_step(0)
    plain = model(TOKENS)
    hooks.reload(FILE, TEXT.replace("factor: float = 1.0", "factor: float = 2.0"))
    doubled = model(TOKENS)
    assert not torch.equal(plain, doubled)
    for bad in ("1 / 0", TEXT.replace("def times", "def tims"), TEXT.replace("x, point, *, f", "x, *, f")):
        with pytest.raises((HookError, UserCodeError)):
            hooks.reload(FILE, bad)
        assert torch.equal(model(TOKENS), doubled)
    hooks.reload(FILE, TEXT)
    assert torch.equal(model(TOKENS), plain)
    assert hooks.hooks[0].firings == 2 * 6


def test_a_mark_counts_where_its_function_is_defined() -> None:
    borrowed = "from lmcore.hooks.builtin.forward import zero\nfrom lmcore.hooks.catalogue import hook\n"
    assert load_source(FILE, borrowed) == {}
    own = (
        borrowed
        + "@hook('loss')\ndef second(logits, targets, seen): ...\n\n@hook('forward')\ndef first(x, point): ...\n"
    )
    assert list(load_source(FILE, own)) == [("loss", f"{FILE}:second"), ("forward", f"{FILE}:first")]
    assert load_source("other.py", own).keys() == {("loss", "other.py:second"), ("forward", "other.py:first")}
    assert not any(entry.file for entry in catalogue())

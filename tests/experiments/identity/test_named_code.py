"""Names that code resolves are refused by reading alone, in the words with which a run would refuse them."""

from pathlib import Path

import pytest

from lmcore.config import HookConfig, parse_config, to_yaml_value
from lmcore.experiments.identity.named_code import code_problems
from lmcore.hooks.active import Hooks
from lmcore.hooks.catalogue import HookError
from tests.hooks.own_hooks import FILE, TEXT
from tests.training.tiny import tiny_config, tiny_model

OPTIMIZER = """
class Descent:
    def __init__(self, parameters): ...
    def set_hyperparameters(self, config, step): ...
    def step(self): ...
    def tensors(self): ...


class Half:
    def step(self): ...


def function(): ...
"""

WRONG = [
    "{use: zeroo, at: '*hook_z'}",
    "{at: '*hook_z'}",
    "{kind: update, use: zero}",
    "{use: zero}",
    "{use: zero, at: '*hook_y'}",
    "{use: zero, at: blocks.0.mlp.up.weight}",
    "{use: zero, at: '*hook_z', with: {head: [1]}}",
    "{use: zero, at: '*hook_z', with: {heads: one}}",
    "{use: scale, at: '*hook_z'}",
    "{use: scale, at: '*hook_z', with: {factor: {from: 1, to: 0}}}",
    "{use: attention_mask, at: '*scores', with: {kind: widow}}",
    "{kind: backward, use: scale, with: {factor: 1}}",
    "{kind: backward, use: scale, at: nothing, with: {factor: 1}}",
    "{kind: backward, use: feedback_alignment, at: embed.weight}",
    "{kind: update, use: freeze, at: '*hook_z'}",
    "{kind: loss, use: z_loss, at: nothing}",
    f"{{use: '{FILE}:time', at: '*hook_z'}}",
    f"{{kind: loss, use: '{FILE}:times'}}",
    f"{{use: '{FILE}:times', at: '*hook_z', with: {{factor: big}}}}",
    f"{{use: '{FILE}:times', at: '*hook_y'}}",
]
RIGHT = [
    "{use: zero, at: '*hook_z', with: {heads: [1]}}",
    "{use: scale, at: '*hook_z', with: {factor: {from: 1, to: 0, steps: 5}}}",
    "{kind: backward, use: feedback_alignment, at: '*.up.weight'}",
    "{kind: backward, use: scale, at: '*weight', with: {factor: 1}}",
    "{kind: update, use: freeze}",
    "{kind: loss, use: weight_l1, at: '*weight', with: {weight: 1}}",
    f"{{use: '{FILE}:times', at: '*hook_z', with: {{factor: 2}}, enabled: false}}",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text(TEXT)
    (tmp_path / "my_optimizer.py").write_text(OPTIMIZER)
    return tmp_path


def refused(hook: HookConfig) -> str:
    """What a run says of a hook; "" if it takes it."""
    try:
        Hooks((hook,), tiny_model(tiny_config()), sources={FILE: TEXT})
    except HookError as error:
        return str(error).partition(": ")[2]
    return ""


@pytest.mark.parametrize("hook", [*WRONG, *RIGHT])
def test_a_hook_is_refused_as_a_run_would_refuse_it(folder: Path, hook: str) -> None:
    model = tiny_config().model
    text = f"hooks: [{hook}]\n"
    config = parse_config(text).model_copy(update={"model": model})
    problems = code_problems(text, config, folder)
    assert [problem.message for problem in problems][:1] == [said for said in [refused(config.hooks[0])] if said]
    assert bool(problems) == (hook in WRONG) and all(problem.line == 1 for problem in problems)


def test_each_problem_stands_at_its_place(folder: Path) -> None:
    text = (
        "hooks:\n  - name: a\n    use: scale\n    at: '*hook_y'\n    with:\n      factr: 1\n"
        "  - {name: b, use: 'my_hooks.py:gone', at: '*'}\n"
    )
    problems = code_problems(text, parse_config(text), folder)
    places = [(problem.line, problem.column, problem.key) for problem in problems]
    assert places == [(4, 9, "hooks.0.at"), (6, 7, "hooks.0.with.factr"), (6, 7, "hooks.0.with.factor"),
                      (7, 20, "hooks.1.use")]  # fmt: skip
    assert "did you mean 'factor'?" in problems[1].message


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("my_optimizer.py:Descent", ""),
        ("my_optimizer.py:Decent", "my_optimizer.py defines no class 'Decent'; did you mean 'Descent'?"),
        ("my_optimizer.py:function", "it is a function"),
        ("my_optimizer.py:Half", "the class Half has no set_hyperparameters and no tensors"),
        ("gone.py:Descent", "has no such file"),
    ],
)
def test_an_own_optimizer_is_looked_for(folder: Path, use: str, said: str) -> None:
    text = f"training:\n  optimizer: {use}\n"
    problems = code_problems(text, parse_config(text), folder)
    assert bool(problems) == bool(said)
    assert all(said in problem.message and (problem.line, problem.column) == (2, 14) for problem in problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", "my_hooks.py cannot be used: line 1: SyntaxError"),
        ("def f(x, point): ...\n", "the function f of my_hooks.py is no hook yet"),
        ("from other import *\n", ""),
        ("import beside\n", "imports beside"),
        (b"\xff", "not text in UTF-8"),
    ],
)
def test_own_files_are_read_and_not_run(folder: Path, text: str | bytes, said: str) -> None:
    (folder / "beside.py").write_text("")
    (folder / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    config = "hooks: [{name: a, use: 'my_hooks.py:f', at: '*hook_z'}]\n"
    problems = code_problems(config, parse_config(config), folder)
    assert bool(problems) == bool(said) and all(said in problem.message for problem in problems)


def test_of_very_many_problems_some_are_told(folder: Path) -> None:
    hooks = [{"name": str(number), "use": "gone"} for number in range(500)]
    text = f"hooks: {to_yaml_value(hooks)}\n"
    assert len(code_problems(text, parse_config(text), folder)) == 50


def test_configurations_that_come_with_the_package_name_nothing_wrong() -> None:
    for path in Path("configs").glob("*.yaml"):
        text = path.read_text()
        assert not code_problems(text, parse_config(text), path.parent)

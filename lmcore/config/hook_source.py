"""The hooks and classes that a Python file defines, by its text: it is parsed, and nothing in it runs.

What only running would show is not guessed: then `is_whole` is False, or parameters are None.
"""

import ast
import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from lmcore.config.hook_functions import registration_problem

CATALOGUE = "lmcore.hooks.catalogue"
"""The module from which files take the decorator `hook`."""

UNFORESEEN = ("exec", "eval", "globals", "locals", "vars", "setattr", "__import__")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TYPES: dict[str, Any] = {"float": float, "int": int, "bool": bool, "str": str, "list": list, "dict": dict}


@dataclass(frozen=True)
class HookFunction:
    """A function below `@hook(kind, stage)`; `parameters` are None where another decorator may change them."""

    name: str
    kind: str
    stage: str | None
    parameters: tuple[inspect.Parameter, ...] | None


@dataclass(frozen=True)
class Source:
    """What a file defines. `problem`: why it cannot be used at all, with the line."""

    hooks: tuple[HookFunction, ...] = ()
    functions: frozenset[str] = frozenset()
    classes: dict[str, frozenset[str] | None] = field(default_factory=dict)  # what each has; None: not known
    names: frozenset[str] = frozenset()  # all that is given a value somewhere
    is_whole: bool = True
    problem: str = ""


@lru_cache(maxsize=16)
def read_source(text: str) -> Source:
    """What a Python file defines. Never raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in the person's text
            tree = ast.parse(text)
        return _Reader(tree).source()
    except SyntaxError as error:
        return Source(problem=f"line {error.lineno or 1}: SyntaxError: {error.msg}")
    except (ValueError, RecursionError, MemoryError):
        return Source(is_whole=False)


class _Reader:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        nodes = list(ast.walk(tree))
        self._functions = [node for node in nodes if isinstance(node, FUNCTIONS)]
        self._classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
        self._imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        self._nodes = nodes
        aliases = [alias for node in self._imports if node.module == CATALOGUE for alias in node.names]
        self._decorators = {alias.asname or alias.name for alias in aliases if alias.name == "hook"}
        self._is_whole = True
        self._problem = ""

    def source(self) -> Source:
        hooks = [hook for node in self._functions for hook in self._hooks(node)]
        in_decorators = {id(part) for node in self._functions for d in node.decorator_list for part in ast.walk(d)}
        if any(self._is_unforeseen(node) for node in self._nodes if id(node) not in in_decorators):
            self._is_whole = False
        functions = frozenset(node.name for node in self._functions)
        classes = {node.name: _members(node) for node in self._classes}
        return Source(
            tuple(hooks),
            functions,
            classes,
            frozenset(_bound(self._nodes)) | functions | set(classes),
            self._is_whole,
            self._problem,
        )

    def _hooks(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[HookFunction]:
        """What a function is registered as."""
        for index, decorator in enumerate(node.decorator_list):
            if not isinstance(decorator, ast.Call) or not self._is_hook(decorator.func):
                self._is_whole &= self._is_hook(decorator)  # `@hook` without a kind registers nothing
                continue
            given = dict(zip(("kind", "stage"), decorator.args, strict=False))
            given |= {keyword.arg: keyword.value for keyword in decorator.keywords if keyword.arg}
            values = [given.get(name, ast.Constant(None)) for name in ("kind", "stage")]
            if not all(isinstance(value, ast.Constant) for value in values) or "kind" not in given:
                self._is_whole = False
                continue
            kind, stage = (ast.literal_eval(value) for value in values)
            is_last = index == len(node.decorator_list) - 1
            parameters = tuple(_parameters(node.args)) if is_last else None
            if parameters is not None and node in self._tree.body and not self._problem:
                wrong = registration_problem(node.name, str(kind), stage, parameters)
                self._problem = f"line {node.lineno}: {wrong}" if wrong else ""
            yield HookFunction(node.name, str(kind), stage, parameters)

    def _is_hook(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self._decorators
        return isinstance(node, ast.Attribute) and node.attr == "hook"

    def _is_unforeseen(self, node: ast.AST) -> bool:
        """Whether something may define names, or register hooks, in a way that only running shows."""
        if isinstance(node, ast.Name):
            return node.id in UNFORESEEN or node.id in self._decorators
        if isinstance(node, ast.ImportFrom):
            return any(alias.name == "*" for alias in node.names)
        return isinstance(node, ast.Attribute) and node.attr == "hook"


def _bound(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def _members(node: ast.ClassDef) -> frozenset[str] | None:
    """What a class has by itself; None where bases, a metaclass or decorators may give it more."""
    bases = [base for base in node.bases if not (isinstance(base, ast.Name) and base.id == "object")]
    if bases or node.keywords or node.decorator_list:
        return None
    defined = {inner.name for inner in ast.walk(node) if isinstance(inner, (*FUNCTIONS, ast.ClassDef))}
    return frozenset(defined | set(_bound(list(ast.walk(node)))))


def _parameters(arguments: ast.arguments) -> Iterator[inspect.Parameter]:
    kinds = inspect.Parameter
    positional = [*arguments.posonlyargs, *arguments.args]
    for number, argument in enumerate(positional):
        kind = kinds.POSITIONAL_ONLY if number < len(arguments.posonlyargs) else kinds.POSITIONAL_OR_KEYWORD
        yield kinds(argument.arg, kind)
    if arguments.vararg is not None:
        yield kinds(arguments.vararg.arg, kinds.VAR_POSITIONAL)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        has = kinds.empty if default is None else ...
        yield kinds(argument.arg, kinds.KEYWORD_ONLY, default=has, annotation=_annotation(argument.annotation))
    if arguments.kwarg is not None:
        yield kinds(arguments.kwarg.arg, kinds.VAR_KEYWORD)


def _annotation(node: ast.expr | None) -> Any:
    """The type that an annotation names, where it is one that YAML has words for; else anything."""
    anything = inspect.Parameter.empty
    if isinstance(node, ast.Name):
        return TYPES.get(node.id, anything)
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return _annotation(ast.parse(node.value, mode="eval").body)
        return type(None) if node.value is None else anything
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        parts = _annotation(node.left), _annotation(node.right)
        return anything if anything in parts else parts[0] | parts[1]
    if isinstance(node, ast.Subscript):
        named = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if named == "Literal":
            choices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if all(isinstance(choice, ast.Constant) for choice in choices):
                return Literal[tuple(choice.value for choice in choices if isinstance(choice, ast.Constant))]
        inner = _annotation(node.slice) if named in ("list", "Optional") else anything
        if inner is not anything:
            return list[inner] if named == "list" else inner | None  # type: ignore[valid-type]
    return anything

"""What a configuration names and code resolves: hooks, their arguments and places, an optimizer. Checked by reading.

Python files, lmcore's own and those of the person, are parsed and never run, and no model is made; torch is not needed.
A name that only running could resolve is let pass.
"""

import difflib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import lmcore
from lmcore.config import HookConfig, Problem, TrainingConfig
from lmcore.config.hook_functions import argument_problems, default_stage, no_such_hook, settable
from lmcore.config.hook_places import (
    NoPlace,
    is_of_linear_layer,
    named_places,
    no_linear_layer,
    parameter_names,
    point_names,
)
from lmcore.config.hook_source import HookFunction, Source, read_source
from lmcore.config.problems import MOST_PROBLEMS
from lmcore.config.text import problems_in
from lmcore.config.validation import Finding
from lmcore.experiments.identity.own_code import file_of, files_of_hooks, read_own_files
from lmcore.experiments.runs.folder import RunError

OPTIMIZER = ("training", "optimizer")
METHODS = ("set_hyperparameters", "step", "tensors")


def code_problems(text: str, config: TrainingConfig, folder: Path) -> tuple[Problem, ...]:
    """What cannot be of the names in a configuration's text, each in its place; own files lie in `folder`."""
    findings: list[Finding] = []
    for finding in _Check(config, folder).findings():
        findings.append(finding)
        if len(findings) == MOST_PROBLEMS:
            break
    return problems_in(text, findings) if findings else ()


@cache
def built_in_hooks() -> tuple[HookFunction, ...]:
    """The hooks that lmcore has."""
    found: list[HookFunction] = []
    for path in sorted((Path(lmcore.__file__).parent / "hooks" / "builtin").glob("*.py")):
        found += read_source(path.read_text(encoding="utf-8")).hooks
    return tuple(found)


class _Check:
    def __init__(self, config: TrainingConfig, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self._sources: dict[str, Source] = {}

    def findings(self) -> Iterator[Finding]:
        optimizer = self._config.training.optimizer
        if (file := file_of(optimizer)) is not None and (sentence := self._optimizer(file, optimizer)):
            yield Finding(OPTIMIZER, sentence)
        for index, hook in enumerate(self._config.hooks):
            yield from self._hook(("hooks", str(index)), hook)

    def _source(self, file: str) -> Source:
        """What an own file defines; its problem is a whole sentence."""
        if file not in self._sources:
            try:
                (read,) = read_own_files([file], self._folder)
                source = read_source(read.text)
                problem = f"{file} cannot be used: {source.problem}" if source.problem else ""
                self._sources[file] = replace(source, problem=problem)
            except RunError as error:
                self._sources[file] = Source(problem=str(error))
        return self._sources[file]

    def _optimizer(self, file: str, use: str) -> str:
        name, source = use.rpartition(":")[2], self._source(file)
        if source.problem or not source.is_whole:
            return source.problem
        if name not in source.names:
            nearest = difflib.get_close_matches(name, source.classes, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            return f"{file} defines no class {name!r}{hint}"
        if name in source.functions and name not in source.classes:
            return f"{file} defines no class {name!r}; it is a function"
        members = source.classes.get(name)
        missing = [one for one in METHODS if members is not None and one not in members]
        return f"the class {name} has no {' and no '.join(missing)}" if missing else ""

    def _hook(self, path: tuple[str, ...], hook: HookConfig) -> Iterator[Finding]:
        function = self._function(hook)
        if isinstance(function, str):
            yield Finding((*path, "use"), function, others=(path,))
            return
        if function is None:
            return
        if function.parameters is not None:
            parameters = settable(function.parameters)
            known = {parameter.name for parameter in parameters}
            for name, sentence in argument_problems(hook.use, parameters, hook.with_):
                others = ((*path, "with"), (*path, "use"), path)
                yield Finding((*path, "with", name), sentence, at_key=name not in known, others=others)
        if sentence := self._wrong_place(hook, function):
            yield Finding((*path, "at"), sentence, others=((*path, "use"), path))

    def _function(self, hook: HookConfig) -> HookFunction | str | None:
        """The function that a hook uses; a sentence where there is none, None where it cannot be known."""
        file = file_of(hook.use)
        if file is None:
            source, prefix = Source(built_in_hooks()), ""
        else:
            try:
                files_of_hooks([hook])
            except RunError as error:
                return str(error)
            source, prefix = self._source(file), f"{file}:"
        if source.problem:
            return source.problem
        for function in source.hooks:
            if (function.kind, prefix + function.name) == (hook.kind, hook.use):
                return function
        if not source.is_whole:
            return None
        name = hook.use.removeprefix(prefix)
        if name in source.functions and all(function.name != name for function in source.hooks):
            return f"the function {name} of {file} is no hook yet: write @hook({hook.kind!r}) in the line above it"
        return no_such_hook(hook.kind, hook.use, [(one.kind, prefix + one.name) for one in source.hooks])

    def _wrong_place(self, hook: HookConfig, function: HookFunction) -> str:
        model = self._config.model
        stage = function.stage or default_stage(hook.kind)
        try:
            places = named_places(hook.kind, stage, hook.at, point_names(model), parameter_names(model))
        except NoPlace as error:
            return str(error)
        is_misplaced = stage == "linear" and not any(map(is_of_linear_layer, places))
        return no_linear_layer(hook.use, hook.at) if is_misplaced else ""

"""Which hooks a configuration may use, with their arguments and the places where they may act."""

import inspect
from collections.abc import Mapping
from pathlib import Path

from lmcore.config import ModelConfig, parse_config, to_yaml_value, vocabulary_of
from lmcore.config.hook_functions import type_name
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import agreed_digests
from lmcore.experiments.identity.own_code import named_files, read_own_files
from lmcore.hooks.catalogue import CatalogueEntry, catalogue, load_source
from lmcore.inspection.shapes import shapes_of
from lmcore.protocol.messages import DescribeHooks, HookArgument, HookDescription, HookEntry


def description_of(command: DescribeHooks, experiment: Experiment | None) -> HookDescription:
    """The answer to one `DescribeHooks`, about a configuration's text or about the run that is open.

    ConfigError, RunError or HookError with a sentence. Own files that were not agreed to are left out.
    """
    if experiment is not None:
        return _described(
            command.request, experiment.config.model, experiment.tokenizer.vocabulary_size, experiment.own.sources
        )
    config = parse_config(command.config_text)
    agreed = agreed_digests()
    files = read_own_files(named_files(config), Path(command.config_folder))
    sources = {file.name: file.text for file in files if file.digest in agreed}
    return _described(command.request, config.model, vocabulary_of(config.dataset), sources)


def _described(request: int, model: ModelConfig, vocabulary: int, sources: Mapping[str, str]) -> HookDescription:
    own = [entry for name, text in sources.items() for entry in load_source(name, text).values()]
    points, parameters = shapes_of(model, vocabulary)
    return HookDescription(
        request, tuple(map(_entry, (*catalogue(), *own))), tuple(points.items()), tuple(parameters.items())
    )


def _entry(entry: CatalogueEntry) -> HookEntry:
    arguments = tuple(
        HookArgument(
            parameter.name,
            type_name(parameter.annotation),
            None if parameter.default is inspect.Parameter.empty else to_yaml_value(parameter.default),
        )
        for parameter in entry.parameters
    )
    doc = inspect.getdoc(entry.function) or ""
    return HookEntry(entry.kind, entry.name, entry.summary, doc, entry.stage, arguments)

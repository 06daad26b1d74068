"""The places where a hook can act, by their names: those of a model as its configuration says, without making it."""

import difflib
import fnmatch
from collections.abc import Iterable, Sequence

from lmcore.config.learning import ModelConfig
from lmcore.errors import LabError


class NoPlace(LabError):
    """A hook says no place, or none that there is; the sentence says what would be right."""


def point_names(model: ModelConfig) -> list[str]:
    """The names of a model's hook points, in TransformerLens's terms."""
    turned = ("hook_rot_q", "hook_rot_k") if model.positions == "rotary" else ()
    attention = ("hook_q", "hook_k", "hook_v", *turned, "hook_attn_scores", "hook_pattern", "hook_z")
    norm = ("hook_scale", "hook_normalized")
    block = [
        "hook_resid_pre",
        *(f"ln1.{name}" for name in norm),
        *(f"attn.{name}" for name in attention),
        "hook_attn_out",
        "hook_resid_mid",
        *(f"ln2.{name}" for name in norm),
        *(f"mlp.{name}" for name in ("hook_pre", "hook_post")),
        "hook_mlp_out",
        "hook_resid_post",
    ]
    added = ["hook_pos_embed"] if model.positions in ("learned", "sinusoidal") else []
    blocks = [f"blocks.{layer}.{name}" for layer in range(model.n_layers) for name in block]
    return ["hook_embed", *added, *blocks, *(f"ln_final.{name}" for name in norm)]


def parameter_names(model: ModelConfig) -> list[str]:
    """The names of a model's parameters."""
    biases = ("weight", "bias") if model.bias else ("weight",)
    norm = biases if model.norm == "layernorm" else ("weight",)
    linear = ["attn.query", "attn.key", "attn.value", "attn.output", "mlp.up", "mlp.down"]
    linear += ["mlp.gate"] if model.mlp == "swiglu" else []
    block = [f"{layer}.{name}" for layer in linear for name in biases]
    block += [f"{layer}.{name}" for layer in ("ln1", "ln2") for name in norm]
    names = ["embed.weight", *(["pos_embed.weight"] if model.positions == "learned" else [])]
    names += [f"blocks.{layer}.{name}" for layer in range(model.n_layers) for name in block]
    names += [f"ln_final.{name}" for name in norm]
    return names if model.tied_head else [*names, "unembed.weight"]


def is_of_linear_layer(parameter: str) -> bool:
    """Whether a parameter is the weight of a linear layer."""
    owner, _, attribute = parameter.rpartition(".")
    return attribute == "weight" and (owner == "unembed" or ".attn." in owner or ".mlp." in owner)


def named_places(kind: str, stage: str, at: str | None, points: list[str], parameters: list[str]) -> tuple[str, ...]:
    """The places that a hook's `at` means: hook points, and parameters where no point matches. NoPlace."""
    if at is None:
        if kind in ("update", "loss"):
            return tuple(parameters) if kind == "update" else ()
        what = "hook points it acts on, such as blocks.0.hook_attn_out"
        if kind == "backward":
            what = "hook points or parameters it acts on, such as blocks.0.hook_resid_post"
        raise NoPlace(f"say under `at` which {what}")
    if kind == "forward":
        names, what = points, "hook point"
    elif kind == "update" or stage == "linear":
        names, what = parameters, "parameter"
    else:
        names, what = [*parameters, *points], "hook point or parameter"
        if found := matches(points, at):
            return tuple(found)
    found = matches(names, at)
    if not found:
        raise NoPlace(no_match(names, at, what))
    return tuple(found)


def matches(names: Iterable[str], pattern: str) -> list[str]:
    """The names that a glob such as `blocks.*.hook_resid_post` matches, in their order."""
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


def no_match(names: Sequence[str], pattern: str, what: str) -> str:
    """The sentence about a glob that matches none of the names; `what` they are."""
    nearest = difflib.get_close_matches(pattern, names, n=3, cutoff=0.3)
    advice = f"; the nearest are {', '.join(nearest)}" if nearest else f"; there are for example {names[0]}"
    return f"no {what} matches {pattern!r}{advice}"


def no_linear_layer(use: str, at: str | None) -> str:
    """The sentence about a hook on linear layers whose places have none."""
    return (
        f"{use} acts on linear layers, named by their weights such as blocks.0.mlp.up.weight, and {at!r} matches none"
    )

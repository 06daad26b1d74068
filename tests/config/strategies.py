"""What hypothesis draws: valid configurations, plain values, and keys with values for them."""

from typing import Any, get_args

from hypothesis import strategies as st

from lmcore.config import ConfigError, TrainingConfig, choices_of, field_of, leaf_keys, with_value

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | floats | texts
plain_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


def values_for(key: str) -> st.SearchStrategy[Any]:
    """Values of a field's type, most of them within its bounds."""
    annotation = field_of(key).annotation
    if choices := choices_of(field_of(key)):
        return st.sampled_from(choices)
    kinds = get_args(annotation) or (annotation,)
    by_kind = {int: st.integers(1, 200), float: st.floats(0.001, 0.9), bool: st.booleans(), type(None): st.none()}
    by_kind[str] = st.sampled_from(["cpu", "cuda:1"]) if key == "other.device" else texts
    return st.one_of(*(by_kind[kind] for kind in kinds))


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Any]:
    """A key of the schema and a value for it."""
    key = draw(st.sampled_from(leaf_keys()))
    return key, draw(values_for(key))


@st.composite
def configs(draw: st.DrawFn) -> TrainingConfig:
    """A valid configuration: the defaults with some values changed."""
    config = TrainingConfig()
    for key, value in draw(st.lists(changes(), max_size=12)):
        try:
            config = with_value(config, key, value)
        except ConfigError:
            continue
    if draw(st.booleans()):
        arguments = draw(st.dictionaries(texts, scalars, max_size=2))
        config = with_value(config, "hooks", [{"name": "a", "with": arguments}, {"name": "b", "enabled": False}])
    return config

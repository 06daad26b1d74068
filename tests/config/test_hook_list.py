"""Adding, removing, reordering and changing hooks inside of a text keeps what is written of the others."""

import pytest

from lmcore.config import ConfigError, HookConfig, parse_config, template
from lmcore.config.hook_list import set_hooks_in_text

TEXT = """\
model: {n_layers: 2}
# Interventions.
hooks:  # two of them
  # the head that copies
  - name: silence
    use: zero  # all of it
    at: blocks.0.attn.hook_z

  - {name: softer, kind: backward, use: scale, at: hook_embed, with: {factor: 0.5}}
# and then
other:
  seed: 3
"""
SILENCE, SOFTER = parse_config(TEXT).hooks
CLIP = HookConfig(name="clip", kind="update", use="clip", **{"with": {"norm": 1.0}})


def test_a_new_hook_stands_below_the_others_which_keep_their_lines() -> None:
    text = set_hooks_in_text(TEXT, [SILENCE, SOFTER, CLIP])
    added = "  - name: clip\n    kind: update\n    use: clip\n    with: {norm: 1.0}\n"
    assert text == TEXT.replace("# and then", f"{added}# and then")


def test_hooks_move_with_their_comments() -> None:
    text = set_hooks_in_text(TEXT, [SOFTER, SILENCE])
    assert parse_config(text).hooks == (SOFTER, SILENCE)
    assert text.index("name: softer") < text.index("# the head that copies") < text.index("name: silence")
    assert "use: zero  # all of it" in text and "hooks:  # two of them\n" in text and "# and then\nother:" in text


def test_a_hook_is_taken_out_with_its_lines() -> None:
    text = set_hooks_in_text(TEXT, [SOFTER])
    assert parse_config(text).hooks == (SOFTER,) and "copies" not in text and "# and then" in text
    assert parse_config(set_hooks_in_text(text, [])).hooks == ()


def test_a_changed_value_replaces_only_its_own_characters() -> None:
    changed = SILENCE.model_copy(update={"with_": {"heads": [2]}, "enabled": False})
    text = set_hooks_in_text(TEXT, [changed, SOFTER])
    assert parse_config(text).hooks == (changed, SOFTER)
    assert [line for line in TEXT.splitlines() if line not in text.splitlines()] == []
    renamed = SILENCE.model_copy(update={"name": "mute"})
    assert set_hooks_in_text(TEXT, [renamed, SOFTER]) == TEXT.replace("name: silence", "name: mute")


@pytest.mark.parametrize(
    "text", ["", "hooks: []  # none yet\nother: {seed: 3}\n", "hooks:\n", "{hooks: []}", template()]
)
def test_the_first_hook_finds_its_place(text: str) -> None:
    changed = set_hooks_in_text(text, [SILENCE])
    assert parse_config(changed) == parse_config(text).model_copy(update={"hooks": (SILENCE,)})
    assert changed.startswith("{") or "\n  - name: silence\n    use: zero\n" in changed
    assert ("# none yet" in changed) == ("# none yet" in text)
    assert parse_config(set_hooks_in_text(changed, [])).hooks == ()


def test_a_text_that_is_no_configuration_is_refused() -> None:
    with pytest.raises(ConfigError):
        set_hooks_in_text("model: 3\n", [SILENCE])

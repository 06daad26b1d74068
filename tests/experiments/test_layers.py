"""Norms of parameters joined into rows of components."""

import math

from lmcore.experiments.layers import layer_rows, output_point
from lmcore.protocol.messages import LayerRow

COMPONENTS = {
    "embed.weight": "embed",
    "blocks.0.attn.query.weight": "blocks.0.attn",
    "blocks.0.ln1.weight": "blocks.0.attn",
    "blocks.1.mlp.up.weight": "blocks.1.mlp",
    "ln_final.weight": "ln_final",
}


def test_norms_are_joined_as_the_root_of_the_sum_of_squares() -> None:
    metrics = {
        "loss/train": 2.0,
        "grad/l2_norm/global": 99.0,
        "param/l2_norm/blocks.0.attn.query.weight": 3.0,
        "param/l2_norm/blocks.0.ln1.weight": 4.0,
        "grad/l2_norm/blocks.0.attn.query.weight": 0.6,
        "grad/l2_norm/blocks.0.ln1.weight": 0.8,
        "update/l2_norm/blocks.0.attn.query.weight": 0.003,
        "update/l2_norm/blocks.0.ln1.weight": 0.004,
        "update/ratio/blocks.0.attn.query.weight": 0.001,
        "activation/rms/blocks.0.hook_attn_out": 0.7,
        "param/l2_norm/blocks.1.mlp.up.weight": 0.0,
        "grad/l2_norm/blocks.1.mlp.up.weight": math.inf,
        "update/l2_norm/blocks.1.mlp.up.weight": 0.0,
    }
    attn, mlp, final = layer_rows(["blocks.0.attn", "blocks.1.mlp", "ln_final"], COMPONENTS.__getitem__, metrics)
    assert attn == LayerRow("blocks.0.attn", 5.0, 1.0, 0.001, 0.7)
    assert mlp == LayerRow("blocks.1.mlp", 0.0, math.inf, None, None)
    assert final == LayerRow("ln_final", None, None, None, None)


def test_what_a_component_puts_out() -> None:
    assert output_point("embed") == "hook_embed"
    assert output_point("pos_embed") == "hook_pos_embed"
    assert output_point("blocks.11.mlp") == "blocks.11.hook_mlp_out"
    assert output_point("ln_final") == "ln_final.hook_normalized"

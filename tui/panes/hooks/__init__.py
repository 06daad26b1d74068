"""The hooks pane: what reaches into the model, whether it acts, what it costs and what it does."""

from tui.panes.hooks.pane import HooksPane as HooksPane

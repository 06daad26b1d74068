"""The layers pane: norms of each component of the model, their trends, and what is out of the ordinary."""

from tui.panes.layers.pane import LayersPane as LayersPane

"""The loss pane: training and validation loss over the steps, other runs behind them, or any other metric."""

from tui.panes.loss.pane import LossPane as LossPane

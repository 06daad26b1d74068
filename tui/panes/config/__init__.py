"""The configuration pane: a form and a YAML text, two views of one text."""

from tui.panes.config.pane import ConfigPane as ConfigPane

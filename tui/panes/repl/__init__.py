"""The REPL pane: prompts, streamed answers, and the timeline of the fixed prompt."""

from tui.panes.repl.pane import ReplPane as ReplPane

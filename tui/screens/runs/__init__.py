"""The list of runs."""

from tui.screens.runs.screen import RunsScreen as RunsScreen

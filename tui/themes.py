"""The lab's three themes: dark, light, and the 16 colours of the terminal itself."""

import os
from collections.abc import Mapping

from textual.theme import Theme

PLOT_VARIABLES = (
    "plot-raw",
    "plot-smoothed",
    "plot-points",
    "plot-level",
    "plot-mark",
    "plot-axis",
    "plot-label",
    "plot-cursor",
    "plot-other-0",
    "plot-other-1",
    "plot-other-2",
    "plot-other-3",
    "lab-border",
)
"""The colours that the lab adds to a theme."""


def _variables(*colors: str) -> dict[str, str]:
    return dict(zip(PLOT_VARIABLES, colors, strict=True))


DARK = Theme(
    name="lab-dark",
    dark=True,
    primary="#6cb2f7",
    secondary="#8fa3b8",
    accent="#f0b866",
    foreground="#d4dae2",
    background="#121212",
    surface="#121212",
    panel="#1f252d",
    success="#84c98b",
    warning="#e8bd6d",
    error="#ef7f78",
    variables={
        **_variables(
            "#3d6288", "#7cbcff", "#f0b866", "#84c98b", "#b79be6", "#3a4654", "#8a98a8", "#ffffff",
            "#d08fc6", "#5cc7b4", "#c9b26a", "#ef8f78", "#2e3a47",
        ),
        "footer-background": "#121212",
        "block-cursor-text-style": "bold",
        "text-muted": "#8a98a8",
    },
)  # fmt: skip

LIGHT = Theme(
    name="lab-light",
    dark=False,
    primary="#1f6fbf",
    secondary="#5b6b7c",
    accent="#a86200",
    foreground="#1f2933",
    background="#fbfaf7",
    surface="#fbfaf7",
    panel="#ecebe5",
    success="#2c7a3d",
    warning="#946200",
    error="#b8332b",
    variables={
        **_variables(
            "#9bbbd9", "#1560ad", "#b35c00", "#2c7a3d", "#7442b8", "#b6bcc3", "#5f6b78", "#000000",
            "#a03f92", "#0c7f6c", "#7d6a10", "#b8432b", "#c3c8cd",
        ),
        "text-muted": "#5f6b78",
    },
)  # fmt: skip

TERMINAL = Theme(
    name="lab-terminal",
    dark=True,
    ansi=True,
    primary="ansi_bright_blue",
    secondary="ansi_cyan",
    accent="ansi_yellow",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    variables={
        **_variables(
            "ansi_blue", "ansi_bright_cyan", "ansi_bright_yellow", "ansi_green", "ansi_magenta", "ansi_bright_black",
            "ansi_default", "ansi_bright_white", "ansi_bright_magenta", "ansi_cyan", "ansi_yellow", "ansi_bright_red",
            "ansi_bright_black",
        ),
        "text-muted": "ansi_default",
        "text-error": "ansi_red",
        "text-warning": "ansi_yellow",
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "border-blurred": "ansi_bright_black",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_bright_blue",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_bright_blue",
        "screen-selection-foreground": "ansi_black",
    },
)  # fmt: skip

THEMES: tuple[Theme, ...] = (DARK, LIGHT, TERMINAL)

NAMES = {"lab-dark": "dark", "lab-light": "light", "lab-terminal": "the terminal's own 16 colours"}
"""What the themes are called for people."""


def next_theme(name: str) -> Theme:
    """The theme after the one of this name."""
    names = [theme.name for theme in THEMES]
    return THEMES[(names.index(name) + 1) % len(THEMES)] if name in names else DARK


def default_theme(environment: Mapping[str, str]) -> Theme:
    """The dark theme where the terminal has its colours, else the terminal's own 16."""
    term = environment.get("TERM", "")
    many = ("256", "direct", "kitty", "ghostty", "alacritty", "wezterm", "foot")
    if environment.get("COLORTERM") or any(word in term for word in many) or os.name == "nt":
        return DARK
    return TERMINAL

"""Colours and sizes that pages, figures and reports share.

``.streamlit/config.toml`` holds those of the theme; a test compares the two.
"""

ACCENT = {"light": "#2f6fb0", "dark": "#3b82c4"}
"""Of buttons, links and what is chosen; dark enough for white text on light pages."""
DATA = "#3b82c4"
"""Of what is drawn in one colour."""
MUTED = "#9aa4ad"
"""Of what is not looked at."""
HIGHLIGHT = "#d1495b"
"""Of what is removed, or picked out."""
UP, DOWN, UNCHANGED = HIGHLIGHT, DATA, "#f2f2f0"
"""Of genes and pathways that rise and fall, and the middle between them."""
INK = "#1c1c1c"
"""Of names on a map, on their light ground in both themes."""
WARNING, WARNING_PAPER, CODE_PAPER = "#c77700", "#fff6e5", "#f6f6f4"
"""Of reports."""
SEQUENTIAL = "Viridis"
"""Scale of colours for numbers: even to colour-blind eyes."""

BODY, SECTION, TITLE, NUMBER = 14, 16, 24, 20
"""Sizes of text in pixels: paragraphs, heads of sections, titles of pages, single numbers."""

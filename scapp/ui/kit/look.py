"""Sizes that Streamlit's themes have no setting for: pages begin at the top, with a title of a line's height.

Streamlit's own bar lies over that line; only its buttons take clicks.
"""

from string import Template

from scapp.plotting import tokens

STYLE = Template("""<style>
[data-testid="stMainBlockContainer"] { padding: 1.2rem 4rem 3rem 2.5rem; }
[data-testid="stHeader"], [data-testid="stToolbar"] { background: transparent; pointer-events: none; }
[data-testid="stHeader"] button, [data-testid="stHeader"] a { pointer-events: auto; }
[data-testid="stMainBlockContainer"] h1 { font-size: ${title}px; padding: 0 0 0.25rem; }
[data-testid="stMainBlockContainer"] h2 { font-size: ${section}px; padding: 0.75rem 0 0.25rem; }
[data-testid="stMainBlockContainer"] h3 { font-size: ${body}px; font-weight: 700; padding: 0.5rem 0 0.25rem; }
[data-testid="stMetricValue"] { font-size: ${number}px; }
[data-testid="stDataFrame"], [data-testid="stMetric"] { font-variant-numeric: tabular-nums; }
</style>""").substitute(title=tokens.TITLE, section=tokens.SECTION, body=tokens.BODY, number=tokens.NUMBER)

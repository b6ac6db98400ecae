"""Pieces of a page that stands by itself."""

import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from scapp.reports import html_parts
from scapp.reports.html_parts import figure_html, page, table_html


def types_drawn(text):
    data = re.search(r'Plotly\.newPlot\(\s*"[^"]+",\s*(\[.*?\]),\s*\{', text, re.DOTALL)[1]
    return [trace["type"] for trace in json.loads(data)]


@pytest.mark.parametrize(("most", "expected"), [(25_000, "scatter"), (3, "scattergl")])
def test_few_points_need_no_webgl(monkeypatch, most, expected):
    monkeypatch.setattr(html_parts, "MOST_DRAWN", most)
    figure = go.Figure([go.Scattergl(x=[1, 2, 3, 4], y=[1, 2, 3, 4], name="points"), go.Bar(x=[1], y=[2])])
    assert types_drawn(figure_html(figure)) == [expected, "bar"]


def test_texts_are_escaped_and_missing_numbers_left_empty():
    table = pd.DataFrame({"a<b>": ["<i>x</i>", "y"], "p": [0.00012, np.nan]})
    text = table_html(table, formats={"p": ".1e"})
    assert "a&lt;b&gt;" in text
    assert "&lt;i&gt;x&lt;/i&gt;" in text
    assert "<td class='n'>1.2e-04</td>" in text
    assert text.count("<td></td>") == 1
    whole = page("<title>", ["<p>body</p>"])
    assert "<title>&lt;title&gt;</title>" in whole
    assert "<p>body</p>" in whole

"""Charts: positions by hand, steps, whiskers, and the tables behind them."""

import xml.etree.ElementTree as ET
from dataclasses import fields, replace

import numpy as np
import pytest

from made_runs import evaluated, made_run
from whence.evaluate.belief_metrics import BeliefTable
from whence.evaluate.metrics import Interval, score
from whence.evaluate.report.charts import Axis, Chart, Series, draw_chart
from whence.evaluate.report.curves import area_chart, bits_chart, charts, recall_chart, reliability_chart, risk_chart


def chart(*series, x=None, title="A <b>title</b>"):
    x = x or Axis("km", 1.0, 100.0, ((1.0, "1"), (10.0, "10"), (100.0, "")), log=True)
    return Chart(
        "one", title, "How & why", x, Axis("share", 0.0, 1.0, ((0.0, "0 %"),)), series, ("a", "b"), (("1", "2"),)
    )


def test_positions_along_axes():
    log = Axis("km", 1.0, 100.0, (), log=True)
    assert np.allclose(log.share(np.array([0.1, 1.0, 10.0, 100.0, 1e5])), [0.0, 0.0, 0.5, 1.0, 1.0])
    assert np.allclose(Axis("share", -1.0, 1.0, ()).share(np.array([-1.0, 0.0, 1.0])), [0.0, 0.5, 1.0])


def test_a_drawing_is_well_formed_and_escaped():
    html = draw_chart(chart(Series("us & them", "a", np.array([1.0, 10.0]), np.array([0.0, 1.0]))))
    ET.fromstring(html)
    assert "A &lt;b&gt;title&lt;/b&gt;" in html
    assert "us &amp; them" in html
    assert '<td class="num">2</td>' in html


def test_lines_steps_gaps_and_whiskers():
    x, y = np.array([1.0, 10.0, 100.0]), np.array([0.0, 0.5, 1.0])
    straight = draw_chart(chart(Series("s", "a", x, y)))
    assert 'd="M52.0 304.0L292.0 158.0L532.0 12.0"' in straight
    stepped = draw_chart(chart(Series("s", "a", x, y, stepped=True)))
    assert 'd="M52.0 304.0H292.0V158.0H532.0V12.0H532.0"' in stepped
    torn = draw_chart(chart(Series("s", "a", x, np.array([0.0, np.nan, 1.0]))))
    assert 'd="M52.0 304.0M532.0 12.0"' in torn
    ends = np.array([0.25, np.nan, 0.5]), np.array([0.75, np.nan, 1.0])
    whiskers = draw_chart(chart(Series("s", "a", x, y, dotted=True, lined=False, low=ends[0], high=ends[1])))
    assert whiskers.count("whisker-a") == 2
    assert whiskers.count('class="dot-a" cx="') == 4  # three values and the legend
    assert "line-a" not in whiskers


def table(**columns):
    """Beliefs of which only some figures matter."""
    count = len(next(iter(columns.values())))
    given = {name: np.asarray(values, float) for name, values in columns.items()}
    rest = {item.name: given.get(item.name, np.full(count, np.nan)) for item in fields(BeliefTable)}
    return BeliefTable(**{**rest, "abstained": np.zeros(count, bool), "believed": np.ones(count, bool)})


def test_recall_is_the_distribution_of_errors():
    errors = np.array([0.5, 30.0, 3000.0, np.inf])
    drawn = recall_chart(errors, score(errors, np.random.default_rng(0)))
    line = drawn.series[0]
    assert np.allclose(line.y, [0.0, 0.25, 0.5, 0.75, 0.75])
    assert np.allclose(line.x, [1.0, 1.0, 30.0, 3000.0, 20100.0])
    assert [row[1] for row in drawn.rows] == ["25.0 %", "25.0 %", "50.0 %", "50.0 %", "50.0 %"]


def test_recall_beside_another_system():
    errors = np.array([1.0, 2000.0])
    scores = score(errors, np.random.default_rng(0))
    drawn = recall_chart(errors, scores, scores)
    assert len(drawn.columns) == len(drawn.rows[0]) == 5
    assert "the other system" in draw_chart(drawn)


def test_area_beside_the_prior_s():
    drawn = area_chart(table(area_km2=[50.0, 5e6], prior_area_km2=[1e6, np.nan]))
    by_area = {row[0]: row[1:] for row in drawn.rows}
    assert by_area["100 km²"] == ("50 %", "0 %")
    assert by_area["10 million km²"] == ("100 %", "50 %")
    assert by_area["the Earth"] == ("100 %", "100 %")


def test_reliability_counts_the_truths_inside_each_level():
    known = {"coverage_50": Interval(0.4, 0.2, 0.6), "coverage_90": Interval(0.8, 0.7, 0.9)}
    drawn = reliability_chart(table(level=[0.0, 0.3, 0.6, 0.95, np.nan]), known)
    by_level = dict(drawn.rows)
    assert by_level["50 %"] == "50 %"
    assert by_level["90 %"] == "75 %"
    assert by_level["95 %"] == "75 %"  # its region ends short of the truth
    assert np.allclose(drawn.series[1].x, [0.5, 0.9])
    assert np.allclose(drawn.series[1].y, [0.4, 0.8])
    assert reliability_chart(table(level=[0.5]), {}).series[1].x.size == 0


def test_bits_from_the_worst_to_the_best():
    drawn = bits_chart(np.array([-np.inf, 1.0, 3.0, 2.0, np.nan]))
    assert np.allclose(drawn.series[0].y, [drawn.y.low, 1.0, 2.0, 3.0])
    assert dict(drawn.rows)["50 %"] == "+1.0"
    assert dict(drawn.rows)["5 %"] == "ruled out"


def test_risk_among_the_surest():
    errors, p50 = np.array([10.0, 300.0, np.inf]), np.array([1.0, 2.0, np.nan])
    drawn = risk_chart(errors, p50, np.array([False, True, True]))
    near, dot, far, _ = drawn.series
    assert np.allclose(near.y, [0.0, 0.5, 2 / 3])
    assert np.allclose(far.y, [0.0, 0.0, 1 / 3])
    assert np.allclose([dot.x[0], dot.y[0]], [1 / 3, 0.0])
    assert drawn.rows[-2] == ("100 %", "67 %", "33 %")
    assert drawn.rows[-1] == ("33 %, all without an abstention", "0 %", "0 %")
    ET.fromstring(draw_chart(risk_chart(errors, p50, np.ones(3, bool))))


@pytest.mark.parametrize("believed", [True, False])
def test_charts_of_beliefs_are_drawn_only_where_there_are_beliefs(believed):
    run, records = made_run(4)
    rows = records if believed else tuple(replace(item, belief=None, failure=None) for item in records)
    drawn = charts(evaluated(run, rows))
    assert [item.ident for item in drawn] == (
        ["recall", "area", "reliability", "bits", "risk"] if believed else ["recall"]
    )
    for item in drawn:
        ET.fromstring(draw_chart(item))

"""Shares in percent."""

from tlk.percent import gallery_rows, percent


def test_an_interval_stands_behind() -> None:
    assert percent(0.1234) == "12.3"
    assert percent(-0.05, (-0.1, 0.0)) == "-5.0 [-10.0, 0.0]"


def test_a_row_for_each_rule_measure_and_k() -> None:
    interval = {"1": (0.1, 0.3)}
    one = {"queries": 1234, "gallery": 5000, "recall": {"1": 0.2}, "recall_ci95": interval}
    one |= {"precision": {"1": 0.15}, "precision_ci95": interval, "chance": {"1": {"recall": 0.02, "precision": 0.01}}}
    assert list(gallery_rows({"gallery": {"artist": one}})) == [
        ("artist, recall@1", "1,234 in 5,000", "20.0 [10.0, 30.0]", "2.0"),
        ("artist, precision@1", "1,234 in 5,000", "15.0 [10.0, 30.0]", "1.0"),
    ]
    assert list(gallery_rows({"gallery": {}})) == []

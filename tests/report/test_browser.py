"""The report in a real browser, from disk: no error, no network, filters, orders, keys, and narrow screens."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlk.report.blocks import Page, Picture, Section, Table
from tlk.report.charts import bar_chart, line_chart
from tlk.report.intervals import Row, interval_chart
from tlk.report.page import render

pytestmark = pytest.mark.slow

QUERIES, LENGTH = 120, 20
HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">'&\\"


def picture(colour: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((24, 20, 3), colour, np.uint8)).save(file, "WEBP")
    return file.getvalue()


def documents() -> dict[str, Any]:
    """Return two runs of random lists: of the second the truths are always highest."""
    random = np.random.default_rng(0)
    order, ranks = [], []
    for query in range(QUERIES):
        others = [other for other in random.permutation(QUERIES).tolist() if other != query][: LENGTH - 1]
        place = int(random.integers(LENGTH))
        order.append([*others[:place], query, *others[place:]])
        ranks.append(place + 1)
    scores = [[round(1 - place / 10, 4) for place in range(LENGTH)]] * QUERIES
    common = {"scores": scores, "gallery": ranks, "images": [QUERIES] * QUERIES, "pairs": 0}
    first = {"name": f"a{HOSTILE}", "order": order, "rank": ranks, "margin": [-float(rank) for rank in ranks]}
    best = [[query, *(other for other in row if other != query)] for query, row in enumerate(order)]
    second = {"name": "second", "order": best, "rank": [1] * QUERIES, "margin": [None] + [0.5] * (QUERIES - 1)}
    pairs = {
        "left": [f"left{query}" for query in range(QUERIES - 1)] + [HOSTILE],
        "right": [f"right{query}" for query in range(QUERIES - 1)] + [HOSTILE],
        "leftPicture": [query % 2 for query in range(QUERIES)],
        "rightPicture": [-1] + [query % 2 for query in range(QUERIES - 1)],
        "kinds": [
            {"name": HOSTILE, "words": ["few", HOSTILE], "kind": [int(query >= 10) for query in range(QUERIES)]},
            {"name": "third", "words": ["no", "yes", "never"], "kind": [query % 3 % 2 for query in range(QUERIES)]},
        ],
    }
    return {"picks": 2, "pairs": [pairs], "runs": [first | common, second | common]}


def page() -> Page:
    table = Table("numbers", ("run", "", "top-2"), [(HOSTILE, Picture(0, HOSTILE), "50.0 [40.0, 60.0]")] * 3)
    wide = Table("wide", tuple(f"column {n}" for n in range(30)), [tuple(f"cell {n}" for n in range(30))])
    charts = (
        bar_chart("bars", ("x", "y"), [(str(n), n) for n in range(20)], table),
        line_chart("lines", ("x", "y"), {"one": [(0, 0), (1, 2)], HOSTILE: [(0, 1), (1, 1)]}, table),
        interval_chart("rows", "x", ("one", HOSTILE), [Row(HOSTILE, [(1, (0, 2)), None])], None, 0.5),
    )
    section = Section("first", f"Section {HOSTILE}", (HOSTILE,), charts, (table, wide))
    return Page("Report: a test", (HOSTILE,), (HOSTILE,), (section,), documents(), [picture(20), picture(200)])


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Any:
    """The report, opened from disk at 1280 pixels."""
    path = tmp_path / "report.html"
    path.write_text(render(page()), encoding="utf-8")
    resize(browser, 1280)
    browser.get_log("browser")
    browser.get(path.as_uri())
    return browser


def resize(browser: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def choose(browser: Any, name: str, value: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element("id", name)).select_by_value(value)


def ids(browser: Any) -> list[int]:
    """Return the numbers of the queries that are shown, in order."""
    return list(browser.execute_script("return [...document.querySelectorAll('#feed article')].map(a => a.query)"))


def cells(browser: Any, query: int) -> list[Any]:
    """Return the cells of a query's row, once it is on the screen and built."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_script(f"document.querySelector('#query-{query}').scrollIntoView({{behavior: 'instant'}})")
    found = f"#query-{query} .strip li"
    return list(WebDriverWait(browser, 10).until(lambda _: browser.find_elements("css selector", found)))


def test_it_loads_without_an_error_and_nothing_hostile_runs(opened: Any) -> None:
    assert opened.get_log("browser") == []
    assert opened.title == "Report: a test"
    assert len(ids(opened)) == QUERIES
    assert HOSTILE in opened.find_element("css selector", "h2").text
    assert opened.execute_script("return document.scripts.length") == 3
    assert (
        opened.execute_script(
            "return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length"
        )
        == 0
    )


def test_the_policy_stops_scripts_and_the_network(opened: Any) -> None:
    opened.execute_script(
        "const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s)"
    )
    assert opened.execute_script("return window.ran") is None
    fetched = opened.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('yes'), (e) => done(String(e)))"
    )
    assert "TypeError" in fetched
    assert any("Content Security Policy" in row["message"] for row in opened.get_log("browser"))


def test_filters_and_their_count(opened: Any) -> None:
    ranks = documents()["runs"][0]["rank"]
    choose(opened, "show", "hit")
    assert sorted(ids(opened)) == [query for query, rank in enumerate(ranks) if rank <= 2]
    choose(opened, "show", "miss")
    missed = [query for query, rank in enumerate(ranks) if rank > 2]
    assert sorted(ids(opened)) == missed
    assert opened.find_element("id", "count").text.startswith(f"{len(missed)} of {QUERIES} ")
    choose(opened, "show", "one")  # the second run never misses
    assert sorted(ids(opened)) == missed
    choose(opened, "show", "all")
    field = opened.find_element("id", "text")
    field.send_keys("RIGHT11")
    assert sorted(ids(opened)) == [11, *range(110, QUERIES - 1)]
    field.clear()
    field.send_keys("onerror")
    assert ids(opened) == [QUERIES - 1]


def test_kinds_of_pairs(opened: Any) -> None:
    choose(opened, "order", "place")
    offered = [option.get_attribute("value") for option in opened.find_elements("css selector", "#kind option")]
    assert offered == ["", "0 0", "0 1", "1 0", "1 1"]  # no kind that no pair is of
    choose(opened, "kind", "0 0")
    assert ids(opened) == list(range(10))
    choose(opened, "kind", "1 1")
    assert ids(opened) == list(range(1, QUERIES, 3))
    choose(opened, "run", "1")  # the same pairs: what was chosen stays chosen
    choose(opened, "order", "place")
    assert ids(opened) == list(range(1, QUERIES, 3))


def test_the_picks_of_the_other_run_are_marked(opened: Any) -> None:
    choose(opened, "order", "place")
    row, other = documents()["runs"]
    marked = {
        cell.find_element("css selector", ".id").text: cell.find_element("css selector", ".also").text
        for cell in cells(opened, 5)
        if cell.find_elements("css selector", ".also")
    }
    names = documents()["pairs"][0]["right"]
    assert marked == {names[other["order"][5][0]]: "1", names[other["order"][5][1]]: "2"}
    choose(opened, "other", "")
    assert len(cells(opened, 5)) == len(row["order"][5]) + 1
    assert not opened.find_elements("css selector", "#query-5 .also")


def test_large_pictures_take_more_lines_and_nothing_more_than_the_screen(opened: Any) -> None:
    choose(opened, "order", "place")
    small = cells(opened, 0)[0].find_element("css selector", ".thumb").size["height"]
    choose(opened, "size", "large")
    assert cells(opened, 0)[0].find_element("css selector", ".thumb").size["height"] > 1.4 * small
    assert opened.execute_script("return document.documentElement.scrollWidth") <= 1280
    strip = opened.find_element("css selector", "#query-0 .strip")
    assert strip.find_elements("css selector", "li")[-1].rect["y"] > cells(opened, 0)[0].rect["y"]
    assert opened.execute_script("return arguments[0].scrollHeight <= arguments[0].offsetHeight", strip)


def test_orders(opened: Any) -> None:
    ranks = documents()["runs"][0]["rank"]
    falling = sorted(range(QUERIES), key=lambda query: (-ranks[query], query))
    assert ids(opened) == falling  # the lowest margin first
    choose(opened, "order", "rank")
    assert ids(opened) == sorted(range(QUERIES), key=lambda query: (ranks[query], query))
    choose(opened, "order", "-apart")
    assert ids(opened) == falling
    choose(opened, "order", "better")
    assert ids(opened) == sorted(range(QUERIES), key=lambda query: (ranks[query], query))
    choose(opened, "order", "place")
    assert ids(opened) == list(range(QUERIES))
    choose(opened, "other", "")  # nothing to disagree with
    assert not opened.find_element("css selector", "option[value='-apart']").is_enabled()


def test_candidates_in_predicted_order_with_the_truth_marked(opened: Any) -> None:
    choose(opened, "order", "place")
    row = documents()["runs"][0]
    shown = cells(opened, 0)
    assert [cell.find_element("css selector", ".id").text for cell in shown] == [
        "left0",
        *(documents()["pairs"][0]["right"][pair] for pair in row["order"][0]),
    ]
    truth = [place for place, cell in enumerate(shown) if "truth" in cell.get_attribute("class")]
    assert truth == [row["rank"][0]]
    assert (
        shown[truth[0]].find_element("css selector", ".none").get_attribute("aria-label").endswith("right0, the truth")
    )
    assert shown[0].find_element("css selector", "img").get_attribute("alt") == "query left0"
    assert f"rank {row['rank'][0]} of 20" in opened.find_element("css selector", "#query-0 h3").text
    choose(opened, "run", "1")
    assert "truth" in cells(opened, 0)[1].get_attribute("class")
    assert "no score" in opened.find_element("css selector", "#query-0 h3").text


def test_only_rows_near_the_screen_have_pictures(opened: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    built = "return [...document.querySelectorAll('#feed article')].map((a) => a.querySelectorAll('img').length > 0)"
    opened.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    heights = "return [...new Set([...document.querySelectorAll('.strip')].map(e => e.offsetHeight))].length"

    def first_and_last(first: bool, last: bool) -> Any:
        return lambda _: [opened.execute_script(built)[end] for end in (0, -1)] == [first, last]

    opened.execute_script("scrollTo(0, document.querySelector('#feed').offsetTop)")
    WebDriverWait(opened, 10).until(first_and_last(True, False))
    rows = opened.execute_script("return [...document.querySelectorAll('#feed article')].map((a) => a.offsetHeight)")
    assert max(rows) - min(rows) <= 2  # what is reserved for a row is what it takes
    opened.execute_script("scrollTo(0, document.body.scrollHeight)")
    WebDriverWait(opened, 10).until(first_and_last(False, True))
    assert opened.execute_script(heights) == 1  # so that nothing jumps


def test_keys_go_from_query_to_query(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    focused = "return document.activeElement.getAttribute('aria-posinset')"
    opened.find_element("id", "size").send_keys(Keys.TAB)
    assert opened.execute_script(focused) == "1"
    for key, place in ((Keys.ARROW_DOWN, "2"), ("j", "3"), ("k", "2"), (Keys.ARROW_UP, "1"), (Keys.ARROW_UP, "1")):
        opened.switch_to.active_element.send_keys(key)
        assert opened.execute_script(focused) == place
    assert opened.execute_script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert opened.execute_script("return document.querySelectorAll('#feed [tabindex=\"0\"]').length") == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_wider_than_the_screen(opened: Any, width: int) -> None:
    resize(opened, width)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


def test_nothing_that_has_the_focus_hides_behind_the_menu(opened: Any) -> None:
    opened.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    opened.execute_script("document.querySelector('#first').scrollIntoView()")
    bottom = opened.execute_script("return document.querySelector('nav').getBoundingClientRect().bottom")
    assert 0 < bottom < 100  # it stays in sight
    assert opened.execute_script("return document.querySelector('#first h2').getBoundingClientRect().top") >= bottom


def test_dark_where_the_system_is(opened: Any) -> None:
    seen = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        seen.append(opened.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert seen[0] != seen[1]


def test_controls_are_not_printed_but_what_they_chose(opened: Any) -> None:
    seen = {}
    for media in ("", "print"):
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
        seen[media] = [
            opened.find_element("css selector", name).is_displayed() for name in ("nav", "#filters", "#count")
        ]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert seen == {"": [True, True, True], "print": [False, False, True]}
    assert opened.find_element("id", "count").text.endswith("lowest margin first")


def test_it_prints_the_first_rows_with_their_pictures(opened: Any) -> None:
    opened.execute_script("dispatchEvent(new Event('beforeprint'))")
    built = opened.execute_script(
        "return [...document.querySelectorAll('article.printed')].map(a => a.querySelectorAll('li').length)"
    )
    assert built == [LENGTH + 1] * 40

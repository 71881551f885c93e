"""Nothing that a page is given can become markup or script, and nothing in it reaches for the network."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tlk.report.blocks import Page, Picture, Section, Table
from tlk.report.charts import bar_chart
from tlk.report.page import island, render

HOSTILE = "</script><script>alert('x')</script><b onclick=\"alert(1)\">&amp;'\u2028]]><!--"


class Elements(HTMLParser):
    """Collects a page's elements, and the texts of scripts, styles and all others."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "text": []}
        self._in = "text"
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._in = tag
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._in = "text"

    def handle_data(self, data: str) -> None:
        texts = self.inside[self._in]
        texts[-1:] = [texts[-1] + data] if self._in != "text" else [*texts[-1:], data]

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def page(queries: dict[str, object] | None = None) -> Page:
    table = Table(HOSTILE, ("run", HOSTILE, ""), [(HOSTILE, HOSTILE, Picture(0, HOSTILE))])
    chart = bar_chart(HOSTILE, (HOSTILE, HOSTILE), [(HOSTILE, 1.0)], table)
    section = Section("one", HOSTILE, (HOSTILE,), (chart,), (table,))
    return Page(HOSTILE, (HOSTILE,), (HOSTILE,), (section,), queries, [b"\x00\xff picture"])


def test_an_island_is_the_document_and_cannot_end_its_element() -> None:
    document = {HOSTILE: [HOSTILE, 1.5, None, True]}
    text = str(island(document))
    assert json.loads(text) == document
    assert not set("<>&\u2028") & set(text)
    assert text.isascii()
    with pytest.raises(ValueError, match="Out of range"):
        island([float("nan")])


@pytest.mark.parametrize("queries", [None, {"runs": [], "pairs": [], HOSTILE: HOSTILE}])
def test_hostile_texts_stay_texts(queries: dict[str, Any] | None) -> None:
    read, plain = Elements(render(page(queries))), Elements(render(Page("t", (), (), (), queries, [])))
    assert [attributes.get("id") for attributes in read.named("script")] == ["report-data", "report-pictures", None]
    assert json.loads(read.inside["script"][0]) == queries
    assert base64.b64decode(read.inside["script"][1]) == b"\x00\xff picture"
    assert read.inside["script"][2] == plain.inside["script"][2]
    assert not read.named("b")
    assert not any(name.startswith("on") for _, attributes in read.found for name in attributes)
    texts = "".join(read.inside["text"])
    assert texts.count(HOSTILE) >= 10
    thumb = next(one for one in read.named("span") if one.get("class") == "thumb")
    assert thumb["data-text"] == HOSTILE


def test_the_policy_knows_the_styles_and_the_script_and_nothing_else() -> None:
    read = Elements(render(page({"runs": []})))
    policy = next(one["content"] for one in read.named("meta") if one.get("http-equiv"))
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for rule, text in (("style-src", read.inside["style"][0]), ("script-src", read.inside["script"][2])):
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_nothing_is_fetched_and_every_reference_has_its_target() -> None:
    text = render(page({"runs": []}))
    assert not re.search(r"(https?:)?//\w+\.\w|@import|url\(", text.replace(HOSTILE, ""))
    read = Elements(text)
    assert not [one for _, one in read.found if "src" in one or "style" in one]
    ids = [one["id"] for _, one in read.found if "id" in one]
    assert len(ids) == len(set(ids))
    links = [str(one["href"]) for one in read.named("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    labels = {str(one[name]) for _, one in read.found for name in ("aria-labelledby", "for") if name in one}
    assert labels <= set(ids)


def test_a_page_is_readable_without_eyes() -> None:
    text = render(page({"runs": []}))
    read = Elements(text)
    assert read.named("html")[0]["lang"] == "en"
    assert len(read.named("h1")) == len(read.named("main")) == 1
    assert len(read.named("caption")) == len(read.named("table")) == 2  # of the section, and below its chart
    assert all("scope" in one for one in read.named("th"))
    drawn = [one for one in read.named("svg") if one.get("aria-hidden") != "true"]
    assert all(one["role"] == "img" and one["aria-labelledby"] for one in drawn)
    controls = [*read.named("select"), *read.named("input")]
    assert len(controls) == 7
    assert text.count("<label") == 7  # around each
    assert [one for one in read.named("p") if one.get("role") == "status"]

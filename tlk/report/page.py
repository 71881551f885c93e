"""A report as one HTML file that needs nothing else: styles, scripts, data and pictures are in it."""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tlk.report.blocks import Page

_SCRIPTS = ("pictures.js", "rows.js", "queries.js")
_STYLES = ("report.css", "queries.css")


def render(page: Page) -> str:
    """Return the page as HTML. Nothing in it is trusted: text is escaped, and no script runs but the report's own."""
    style, script = _joined(_STYLES), _joined(_SCRIPTS)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            policy=_policy(style, script),
            style=Markup(style),  # noqa: S704  # ours
            script=Markup(script),  # noqa: S704  # ours
            data=island(page.queries),
            pictures=_lines(page.pictures),
        )
    )


def island(document: object) -> Markup:
    """Return a document as JSON that can stand in a script element: nothing in it can end the element or open another.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)  # ASCII: no line separators either
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704  # made safe above


def _lines(pictures: Sequence[bytes]) -> Markup:
    """Return the pictures in base64, one a line: half of what JSON would take to read."""
    return Markup("\n".join(base64.b64encode(picture).decode() for picture in pictures))  # noqa: S704  # no markup in it


def _policy(style: str, script: str) -> str:
    """Return a content security policy: no network at all, no script and no style but those with these hashes."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    rules = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{hashes[0]}'",
        "script-src": f"'sha256-{hashes[1]}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def _environment() -> Environment:
    loader = PackageLoader("tlk.report", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _joined(names: Sequence[str]) -> str:
    folder = files("tlk.report") / "templates"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)

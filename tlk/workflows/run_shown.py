"""How a run shows itself in a notebook."""

from html import escape
from typing import TYPE_CHECKING

from tlk.errors import UserError
from tlk.percent import percent

if TYPE_CHECKING:
    from tlk.workflows.run import Run


def rows_of(run: "Run") -> list[tuple[str, str]]:
    """Return what there is to say of a run, as pairs of words and values; of a damaged one, that it is."""
    try:
        numbers, data = run.numbers(), run.manifest()["data"]["name"]
    except UserError as error:
        return [("name", run.name), ("damaged", str(error).splitlines()[0])]
    rows = [("name", run.name), ("recipe", str(numbers.get("recipe"))), ("data", data)]
    for k, share in numbers["expected_top_k"].items():
        interval = numbers.get("expected_ci95", {}).get(k)  # runs of former times have none
        rows.append((f"expected top-{k} %", percent(share, interval)))
    return rows


def html_of(run: "Run") -> str:
    """Return the same as an HTML table; whatever stands in the run's files is escaped."""
    cells = "".join(f"<tr><th>{escape(word)}</th><td>{escape(value)}</td></tr>" for word, value in rows_of(run))
    return f"<table>{cells}</table>"

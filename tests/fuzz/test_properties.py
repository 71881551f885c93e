"""The same four readers, given what Hypothesis makes of good files: bytes changed, cut, doubled, and mixed."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import LONGEST_LINE, TARGETS, BrokenPromiseError, read_csv
from tlk.errors import UserError, printable
from tlk.tables import format_table, harmless, parse_table

# Pillow's warnings about odd files are ignored by the module that decodes; pytest sets its own filters for each test.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")


@cache
def seeds(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((Path(__file__).parent / "seeds" / target).iterdir())]


@st.composite
def damaged(draw: st.DrawFn, target: str) -> bytes:
    """A seed with some parts replaced: by any bytes, by parts of another seed, by nothing, by themselves twice."""
    content = bytearray(draw(st.sampled_from(seeds(target))))
    other = draw(st.sampled_from(seeds(target)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        at = draw(st.integers(0, len(other)))
        parts = [st.binary(max_size=8), st.just(other[at : at + 12]), st.just(bytes(content[start:end]) * 2)]
        content[start:end] = draw(st.one_of(parts))
    return bytes(content)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(damaged(target)))


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=50)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(target: str, content: bytes) -> None:
    TARGETS[target](content)


CELL = st.text(st.characters(codec="utf-8"), max_size=8)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1)))
@example([["a\rb", "c"], ["\r", '"']])
def test_every_table_that_is_written_is_read_again(rows: list[list[str]]) -> None:
    table = parse_table(format_table(rows[0], rows[1:]).encode("utf-8-sig"), "x")
    assert [list(row) for row in (table.header, *table.rows)] == rows


@given(CELL)
@example("=1+1")
@example("\t=1+1")
@example(" @SUM(A1)")
@example("'=1")
@example("\r\n-1")
@example("＝1")
def test_a_harmless_cell_begins_no_formula(text: str) -> None:
    cell = harmless(text)
    assert cell.isprintable()
    assert cell.lstrip()[:1] not in tuple("=+-@＝＋－＠")
    assert cell.removeprefix("'" if cell != printable(text) else "") == printable(text)  # nothing else is changed


def test_a_broken_promise_is_no_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the targets find wrong is seen as a failure, never taken for a refusal."""

    def refuse(*_: object) -> None:
        raise UserError("x" * (LONGEST_LINE + 1))

    assert not issubclass(BrokenPromiseError, UserError)
    monkeypatch.setattr("tests.fuzz.targets.parse_table", refuse)
    with pytest.raises(BrokenPromiseError, match="lines that can be read"):
        read_csv(b"")

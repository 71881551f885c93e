"""CSVs as people save them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlk.errors import UserError
from tlk.tables import format_table, parse_table, require_header


def test_cells_stay_text() -> None:
    table = parse_table(b"left,right\nnan,007\n1e5,NULL\n, x \n", "t.csv")
    assert table.header == ("left", "right")
    assert table.rows == [("nan", "007"), ("1e5", "NULL"), ("", " x ")]
    assert table.lines == [2, 3, 4]
    assert table.column("right") == ["007", "NULL", " x "]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfleft,right\na,b\nc,d\n",
        b"left,right\r\na,b\r\nc,d\r\n",
        b"left,right\ra,b\rc,d\r",
        b"left,right\na,b\nc,d",
        b'"left","right"\n"a","b"\n"c","d"\n',
    ],
    ids=["byte-order mark", "CRLF", "old Mac", "no last line end", "quoted"],
)
def test_the_ways_to_save_one_table_read_alike(data: bytes) -> None:
    table = parse_table(data, "t.csv")
    assert (table.header, table.rows, table.lines) == (("left", "right"), [("a", "b"), ("c", "d")], [2, 3])


def test_lines_are_counted_through_blank_lines_and_quoted_line_ends() -> None:
    table = parse_table('\nleft,right\n\n"a\nb",c\r\n\r\n"d,e","f""g"\nKäthe,ü\n'.encode(), "t.csv")
    assert table.header == ("left", "right")
    assert table.rows == [("a\nb", "c"), ("d,e", 'f"g'), ("Käthe", "ü")]
    assert table.lines == [4, 7, 8]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "t.csv is empty"),
        (b"\n\r\n", "t.csv is empty"),
        (
            "left,right\nKäthe,b\n".encode("latin-1"),
            "t.csv, line 2: not UTF-8 text: invalid continuation byte\nsave it as UTF-8",
        ),
        ("left,right\n".encode("utf-16"), "not UTF-8"),
        (b'left,right\na,b\n"c" d,e\n', "t.csv, line 3: .*\nsave it as a plain CSV"),
        (b'left,right\n"open,e\n', "t.csv, line 2: unexpected end of data"),
        (b"left,right\na,b\n\nc\n", "t.csv, line 4: 1 cells where the header has 2\nmend the row, or remove it"),
        (b'left,right\n"a\nb",b\nc,d,e\n', "t.csv, line 4: 3 cells where the header has 2"),
        (b"left,right\n" + b"x" * 200_000 + b",b\n", "t.csv, line 2: field larger than field limit"),
    ],
)
def test_faults_name_the_line_and_the_remedy(data: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_table(data, "t.csv")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"left;right\na;b\n", "'left;right'"),
        (b"right,left\na,b\n", "'right,left'"),
        (b"Left,Right\na,b\n", "'Left,Right'"),
        (b'"left\nx",right\na,b\n', r"'left\nx,right'"),  # shown on one line
    ],
)
def test_a_wrong_header_is_shown_beside_the_expected_one(data: bytes, found: str) -> None:
    with pytest.raises(UserError) as caught:
        require_header(parse_table(data, "t.csv"), ("left", "right"))
    assert str(caught.value) == f"t.csv: wrong header {found}\nexpected 'left,right', separated by commas"


def test_the_right_header_passes_and_a_long_wrong_one_is_cut() -> None:
    require_header(parse_table(b"left,right\n", "t.csv"), ["left", "right"])
    with pytest.raises(UserError) as caught:
        require_header(parse_table(b"x" * 500, "t.csv"), ("left",))
    assert "x" * 80 + "…'" in str(caught.value)
    assert len(str(caught.value)) < 200


# A lone carriage return is what the csv module forgets to quote; ids are printable, so none has it.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=6))
def test_what_is_formatted_reads_back(rows: list[tuple[str, str]]) -> None:
    text = format_table(("left", "right"), rows)
    assert text.startswith("left,right\n")
    assert parse_table(text.encode(), "t.csv").rows == rows


@given(st.one_of(st.binary(max_size=60), st.text('ab,;"\n\r\ufeff\0 é', max_size=40).map(str.encode)))
def test_any_bytes_are_a_table_or_a_user_error(data: bytes) -> None:
    table, message = None, ""
    try:
        table = parse_table(data, "t.csv")
    except UserError as error:
        message = str(error)
    assert len(message.split("\n")) <= 3
    if table is not None:
        assert all(len(row) == len(table.header) for row in table.rows)
        assert len(table.lines) == len(table.rows)

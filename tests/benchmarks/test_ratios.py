"""What the tool costs beside the least that could do the same work: ratios, measured in one run, printed.

`make bench` runs these; they are no part of `make test`, because a ratio of times needs a quiet machine. They are the
benches of `tlk bench`, each with the bound that it has to keep.
"""

import os
from pathlib import Path

import pytest

from tlk.processes import cores
from tlk.workflows.bench.embed import embed, image_files
from tlk.workflows.bench.epoch import head
from tlk.workflows.bench.growth import growth
from tlk.workflows.bench.lists import lists
from tlk.workflows.bench.measure import Row
from tlk.workflows.bench.processes import processes
from tlk.workflows.bench.search import search
from tlk.workflows.bench.startup import startup


@pytest.fixture
def photographs() -> Path:
    """A competition of some thousand pictures: of fewer, start-up is most of the time."""
    folder = os.environ.get("TLK_DATA")
    if not folder or not Path(folder).is_dir() or len(image_files(Path(folder))) < 2000:
        pytest.skip("TLK_DATA names no folder with 2,000 pictures or more")
    return Path(folder)


def show(row: Row) -> Row:
    memory = "" if row.peak_mib is None else f"; {row.peak_mib:.0f} MiB"
    times = "" if row.speed_up is None else f", {row.speed_up:.2f} times as fast as {row.beside}"
    print(f"\n{row.what}: {row.seconds:.3g} s{times}{memory}; {row.note}")
    return row


def speed_up(row: Row) -> float:
    value = show(row).speed_up
    assert value is not None
    return value


def test_help_takes_less_than_twice_a_bare_typer_program() -> None:
    (row,) = startup()
    assert speed_up(row) > 0.5


@pytest.fixture(scope="module")
def searches() -> list[Row]:
    return search(100_000)


@pytest.mark.parametrize("number", range(3), ids=["rank", "mine", "duplicates"])
def test_searching_a_hundred_thousand_costs_little_more_than_the_products(searches: list[Row], number: int) -> None:
    row = searches[number]
    assert speed_up(row) > 1 / 1.5
    assert row.peak_mib is not None
    assert row.peak_mib < 1536
    assert "100%" in row.note or "1,000 of 1,000" in row.note or "median rank" in row.note


def test_matching_lists() -> None:
    for count in (2_000, 200_000):
        (row,) = lists(count)
        before, after = (float(part.split()[-1]) for part in show(row).note.split("→"))
        assert row.peak_mib is not None
        assert row.peak_mib < 2048
        assert after > before + 0.05


def test_cost_grows_linearly() -> None:
    for row in growth((1_000, 10_000, 100_000)):
        if show(row).note:
            assert float(row.note.split()[-1]) < 1.15


def test_training_a_head_beside_a_bare_loop() -> None:
    assert speed_up(head()) > 1 / 1.5


def test_embedding_beside_the_plain_loop(photographs: Path, mobilenet_folder: Path) -> None:
    *cold, warm = embed(photographs, f"local-dir:{mobilenet_folder}")
    assert min(map(speed_up, cold)) > 4
    assert speed_up(warm) > 0.75


@pytest.mark.skipif(cores() < 2, reason="two processes need two cores")
def test_two_processes_beside_one_on_one_core(photographs: Path, mobilenet_folder: Path) -> None:
    (row,) = processes(photographs, f"local-dir:{mobilenet_folder}")
    assert speed_up(row) > 1.7

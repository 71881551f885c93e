"""The next item is made by another thread, in order, and its faults arrive."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from tlk.training.ahead import ahead


def test_the_items_come_in_order() -> None:
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead(iter([]))) == []


def test_the_next_item_is_made_while_the_last_is_worked_on() -> None:
    made = [threading.Event() for _ in range(3)]
    main = threading.get_ident()

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            assert (threading.get_ident() == main) == (number == 0)  # nothing waits behind the first
            event.set()
            yield number

    for number in ahead(items()):
        if number < 2:
            assert made[number + 1].wait(timeout=30)  # without being asked for
        assert not any(event.is_set() for event in made[number + 2 :])  # one ahead, no more


def test_a_fault_arrives_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    seen = []
    with pytest.raises(ValueError, match="broken"):  # noqa: PT012
        for item in ahead(items()):
            seen.append(item)
    assert seen == [1]


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    for item in ahead(iter(range(1000))):
        if item == 3:
            break
    assert threading.active_count() == before


def test_the_other_thread_computes_without_helpers() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)

    def items() -> Iterator[int]:
        for _ in range(4):
            yield torch.get_num_threads()

    try:
        assert list(ahead(items())) == [3, 1, 1, 1]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_waiting_is_told_from_working() -> None:
    now: list[str] = []

    @contextmanager
    def waiting() -> Iterator[None]:
        now.append("waits")
        yield
        now.append("goes on")

    for number in ahead(iter(range(2)), waiting):
        now.append(f"works on {number}")
    each = ["waits", "goes on"]
    assert now == [*each, "works on 0", *each, "works on 1", *each]

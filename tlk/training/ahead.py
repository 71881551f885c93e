"""The next batch is made while the last one is learned from."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

T = TypeVar("T")


def _alone() -> None:
    """Let this thread compute without helpers; torch sets a number of its own when it is first asked in a thread."""
    torch.get_num_threads()
    threadpool_limits(1, "openmp")


def ahead(items: Iterator[T], waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> Iterator[T]:
    """Yield `items` in order, the next one made by another thread while the caller works on the last.

    The caller makes the first, which has nothing to wait behind and may cost the most. The other thread computes with
    no helpers of its own: they would keep spinning on the processors that the training needs. While the caller has to
    wait, it is `waiting()`.
    """
    end = object()
    with waiting():
        item = next(items, end)
    with ThreadPoolExecutor(1, initializer=_alone) as pool:
        while item is not end:
            following = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
            with waiting():
                item = following.result()

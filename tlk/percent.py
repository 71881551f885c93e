"""Shares as people read them: in percent, with their intervals."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any


def percent(value: float, interval: Sequence[float] | None = None) -> str:
    """Return an accuracy in percent, with its interval if there is one."""
    text = f"{100 * value:.1f}"
    return text if interval is None else f"{text} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def gallery_rows(
    verification: dict[str, Any], show: Callable[..., str] = percent
) -> Iterator[tuple[str, str, str, str]]:
    """Yield what was found in a collection's gallery: rule and measure, queries, the share, and that of chance."""
    for rule, one in verification["gallery"].items():
        for name in ("recall", "precision"):
            for k, value in one[name].items():
                yield (
                    f"{rule}, {name}@{k}",
                    f"{one['queries']:,} in {one['gallery']:,}",
                    show(value, one[f"{name}_ci95"][k]),
                    show(one["chance"][k][name]),
                )

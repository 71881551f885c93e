"""tlk: which of these twenty pictures looks like that one?

In a notebook: `tlk.load`, `tlk.train`, `tlk.embed`, `tlk.score`, `tlk.evaluate`, `tlk.predict`, `tlk.search`,
`tlk.open_run`; see `tlk.api`.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["embed", "evaluate", "load", "open_run", "predict", "score", "search", "train"]

if TYPE_CHECKING:
    from tlk.api import embed, evaluate, load, open_run, predict, score, search, train


def __getattr__(name: str) -> Any:
    """Load the functions when one is asked for: `import tlk`, and `tlk --help`, cost nothing."""
    if name in __all__:
        from tlk import api

        return getattr(api, name)
    raise AttributeError(f"module 'tlk' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name the functions for those who press Tab."""
    return sorted({*globals(), *__all__})

"""How much memory this process has taken, and how the C library deals with what is freed."""

import ctypes
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2  # of glibc's malloc.h
_KEPT = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Let glibc use the memory of large arrays again, where it would hand it back and fetch it anew, page by page.

    A network's activations come and go thousands of times; without this, two fifths of a prediction on a CPU are spent
    on empty pages. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    for option, value in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, 1 << 28)):
        mallopt(option, value)


def peak_memory_mb() -> int:
    """Return the most memory that this process has taken so far, in MiB."""
    if resource is None:
        import psutil

        taken = psutil.Process().memory_info()
        return int(getattr(taken, "peak_wset", taken.rss)) >> 20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes; bytes on macOS
    return most >> (20 if sys.platform == "darwin" else 10)

"""How the C library deals with memory that is freed."""

import ctypes

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

"""A fault on purpose, behind four comparisons: a fuzzer that does not find it would find nothing else either."""


def fail(data: bytes) -> None:
    """Raise a KeyError for what begins with `tlk!`."""
    if data[:1] == b"t" and data[1:2] == b"l" and data[2:3] == b"k" and data[3:4] == b"!":
        raise KeyError("planted")


def refuse_nothing(data: bytes) -> None:
    """Keep no promise of a size: more and more memory for what begins with `m`."""
    if data[:1] == b"m":
        hoard = [bytearray(1 << 20) for _ in range(4096)]
        raise MemoryError(len(hoard))


def never_end(data: bytes) -> None:
    """Run forever for what begins with `h`."""
    while data[:1] == b"h":
        pass

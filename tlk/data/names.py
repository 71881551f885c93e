"""Names of images as they are compared: a disk, a table and a keyboard compose letters and accents differently."""

from unicodedata import normalize


def composed(name: str) -> str:
    """Return a name in Unicode's composed form, NFC: two names that read alike are then equal."""
    return normalize("NFC", name)

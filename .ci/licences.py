"""Writes `.ci/licences.md`: the licences of all that tlk needs when it runs, as installed distributions state them."""

import re
import sys
from importlib.metadata import Distribution
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from distributions import RUNTIME_EXTRAS, closure, requirements

TABLE = Path(__file__).parent / "licences.md"
HEAD = f"""# Licences of what tlk needs when it runs

With the extras {", ".join(RUNTIME_EXTRAS)}, on Linux; read by `make licences` from what the distributions state of
themselves. Some wheels bring libraries of other licences along: their own notices say which.

| distribution | licence |
| --- | --- |
"""
# Of the GNU licences these two ask the same of whoever passes tlk on; the LGPL and the exceptions for linking do not.
_STRONG = re.compile(r"(?<!L)\bA?GPL|(?<!Lesser )(?:GNU )?(?:Affero )?General Public License", re.IGNORECASE)
_ALLOWED = re.compile(
    r"\bL?GPL-[\w.]+(?:-or-later)? WITH \S*exception\S*|GNU Lesser General Public License", re.IGNORECASE
)


def licence_of(distribution: Distribution) -> str:
    """Return the licence that a distribution states: an expression, else classifiers, else its text's first line."""
    metadata = distribution.metadata
    expression = metadata.get("License-Expression")
    if expression:
        return expression
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    named = [line.split(" :: ")[-1] for line in classifiers]
    text = [line.strip() for line in (metadata.get("License") or "").splitlines() if line.strip()]
    return "; ".join(named) if named else (text[0] if text else "not stated")


def is_strong_copyleft(licence: str) -> bool:
    """Return whether a licence asks that the whole of what it is part of be passed on under it."""
    return bool(_STRONG.search(_ALLOWED.sub("", licence)))


def table() -> str:
    """Return the table in Markdown."""
    found = closure(requirements(RUNTIME_EXTRAS))
    return HEAD + "".join(f"| {name} | {licence_of(found[name])} |\n" for name in sorted(found))


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")

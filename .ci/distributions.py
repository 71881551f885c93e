"""What the project's requirements pull in, read from pyproject.toml and from the metadata of what is installed."""

import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
INSTALLED_EXTRAS = ("cpu", "faiss", "dev")  # those that `make setup` installs
RUNTIME_EXTRAS = ("cpu", "faiss", "tensorboard")  # `kaggle` is not installed for development


def requirements(extras: Iterable[str]) -> list[Requirement]:
    """Return what pyproject.toml asks for, with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [Requirement(line) for line in [*project["dependencies"], *(x for e in extras for x in optional[e])]]


def closure(wanted: Iterable[Requirement]) -> dict[str, Distribution]:
    """Return all installed distributions that the requirements need here, by name, theirs among them.

    Raises:
        PackageNotFoundError: one is not installed.
    """
    found: dict[str, Distribution] = {}
    waiting = [(requirement, frozenset({""})) for requirement in wanted]
    seen = set()
    while waiting:
        requirement, extras = waiting.pop()
        name = canonicalize_name(requirement.name)
        here = requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)
        state = (name, frozenset(requirement.extras))
        if not here or state in seen:
            continue
        seen.add(state)
        found[name] = distribution(name)
        waiting += [(Requirement(line), state[1] | {""}) for line in found[name].requires or []]
    return found


def pins() -> dict[str, str]:
    """Return the versions in constraints.txt, by name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    given = (line.split("#")[0].strip() for line in lines)
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in given if line)}

"""The manifest of a run: what it was made with, on what, and what it cost."""

import hashlib
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from tlk import __version__
from tlk.memory import peak_memory_mb
from tlk.recipe_schema import Recipe


@dataclass
class Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def stop(self, stage: str) -> None:
        """Note the seconds since the last stop as those of `stage`."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now


def describe_data(name: str, paths: Sequence[str], keys: np.ndarray) -> dict[str, Any]:
    """Return the data's name, a fingerprint of the paths and contents of its images, and the number of pairs."""
    fingerprint = hashlib.blake2b(keys.tobytes() + "\n".join(paths).encode(), digest_size=16)
    return {"name": name, "fingerprint": fingerprint.hexdigest(), "pairs": len(paths) // 2}


def manifest(
    data: dict[str, Any], folds: Path, recipe: Recipe, accelerator: Accelerator, identity: str, clock: Clock
) -> dict[str, Any]:
    """Return what manifest.json holds."""
    versions = {name: version(name) for name in ("torch", "timm", "numpy", "scikit-learn", "accelerate")}
    return {
        "versions": {"tlk": __version__, **versions, "python": platform.python_version()},
        "data": data,
        "folds": str(folds),
        "embedding": identity,
        "seed": recipe.seed,
        "device": str(accelerator.device),
        "processes": accelerator.num_processes,
        "precision": accelerator.mixed_precision,
        "cores": os.cpu_count(),
        "seconds": clock.seconds,
        "peak_memory_mb": peak_memory_mb(),
        "transductive": recipe.matching or recipe.pseudo_pairs,
        "pseudo_pairs": recipe.pseudo_pairs,
        "known_pairs": recipe.known_pairs,
    }


def time_limit(minutes: float | None, stopped_early: bool) -> dict[str, Any]:
    """Return what the manifest says beside that of a training that had only so many minutes, or was once stopped."""
    limit = {} if minutes is None else {"minutes": minutes}
    return limit | ({"stopped_early": stopped_early} if limit or stopped_early else {})


def time_limits(manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the same for a run that is made of others."""
    minutes = [manifest["minutes"] for manifest in manifests if "minutes" in manifest]
    return time_limit(max(minutes, default=None), any(manifest.get("stopped_early") for manifest in manifests))

"""A registry entry: the parameters of a thing, known without loading torch, and where its class lives."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Base of every schema of parameters: unknown keys are an error, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Entry:
    """What a registry knows: a schema, and `module:Class`, imported when used."""

    parameters: type[Parameters]
    target: str

    def load(self) -> Any:
        """Import and return the class."""
        module, name = self.target.split(":")
        return getattr(importlib.import_module(module), name)


Registry = Mapping[str, Entry]


def parameters_of(table: Mapping[str, Any], registry: Registry) -> Any:
    """Return the class named by a checked `model` or `loss` table, and its parameters."""
    entry = registry[table["name"]]
    return entry.load(), entry.parameters.model_validate({k: v for k, v in table.items() if k != "name"})

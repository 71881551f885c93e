"""What the shell may complete: names of recipes and of runs. Asked at every press of Tab, so nothing heavy."""

from pathlib import Path

import typer

PARTIAL = ".partial"  # as in tlk.workflows.run_names, which takes long to import


def recipe_names(incomplete: str) -> list[str]:
    """Return the recipes whose names begin so; where there are none, shells complete files, such as my.toml."""
    from tlk.recipe import recipe_names as known

    return [name for name in known() if name.startswith(incomplete)]


def run_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the complete runs whose names begin so, of the folder that a --runs before them names."""
    return sorted(path.name for path in _folders(context, incomplete) if (path / "metrics.json").exists())


def any_run_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return all runs whose names begin so, unfinished and damaged ones, too."""
    return sorted({path.name.removesuffix(PARTIAL) for path in _folders(context, incomplete)})


def _folders(context: typer.Context, incomplete: str) -> list[Path]:
    runs = Path(context.params.get("runs") or "runs").expanduser()
    try:
        return [path for path in runs.iterdir() if path.name.startswith(incomplete) and _is_run(path)]
    except OSError:
        return []


def _is_run(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")

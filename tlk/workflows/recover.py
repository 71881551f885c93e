"""What killed processes have left half done in the folder of the runs, put right."""

from contextlib import suppress
from pathlib import Path

from tlk.locks import is_in_use
from tlk.temporary import discard, sweep
from tlk.workflows.run_names import INPUTS, OLD, PARTIAL, is_run_name


def recover(runs: Path) -> None:
    """Remove leftovers, and put back a run that was to be replaced and was not; as far as the folder can be written to.

    What living processes are at stays as it is.
    """
    sweep(runs)
    for old in runs.glob(f".*{OLD}"):
        place = old.with_name(old.name[1:].removesuffix(OLD))
        if not is_run_name(place.name) or is_in_use(place.with_name(place.name + PARTIAL)):
            continue
        with suppress(OSError):
            if place.exists():
                discard(old)
            elif (old / "metrics.json").exists():
                old.rename(place)
    for inputs in runs.glob(f"*/{INPUTS}"):
        if not inputs.parent.name.endswith(PARTIAL) and (inputs.parent / "metrics.json").exists():
            with suppress(OSError):
                inputs.unlink()

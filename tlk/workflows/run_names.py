"""What runs and their folders may be called."""

import re

PARTIAL = ".partial"  # the ending of a run's folder until the run is complete
OLD = ".old"  # the ending of a run's folder, behind a dot, while another run takes its place
INPUTS = "inputs.json"  # in the folder of a run until it is complete


def is_run_name(name: str) -> bool:
    """Return whether `name` can be a run's: letters, digits, dots, dashes and underscores, never a path."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]{0,79}", name, re.ASCII) is not None and not name.endswith(PARTIAL)

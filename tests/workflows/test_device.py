"""Devices that are not there."""

import subprocess
import sys

import pytest

from tlk.errors import UserError
from tlk.workflows.device import require_device


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="--device abacus: this machine has cpu"):
        require_device("abacus")


def test_what_every_machine_has_is_not_looked_for() -> None:
    code = "import sys; from tlk.workflows.device import require_device as require; require('auto'); require('cpu')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"

"""A submission handed to Kaggle's own client, which is only ever started as a program: imported, it ends the process
where there are no credentials.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tlk.errors import UserError, summarise
from tlk.offline import is_offline
from tlk.workflows.predict import check
from tlk.workflows.workspace import Workspace

_PATIENCE = 600  # seconds for an upload
_SECRETS = ("KAGGLE_KEY", "KAGGLE_API_TOKEN")


def submit(workspace: Workspace, file: Path, competition: str, message: str) -> str:
    """Check a submission, hand it to Kaggle's client, and return what that says.

    Raises:
        UserError: the file is faulty, the network is forbidden, there are no client or no credentials, or Kaggle
            refuses.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", competition) is None:
        what = f"--competition {competition[:60]!r} is not the name of a competition"
        raise UserError(f"{what}\ngive what its address ends in: www.kaggle.com/competitions/NAME")
    faults = check(workspace, file)
    if faults:
        raise UserError(f"{file}: {summarise(faults)}\nwrite it again: tlk predict")
    if is_offline():
        raise UserError(f"{file} would be uploaded, and TLK_OFFLINE=1 forbids it\nunset it first")
    by_hand = f"or upload it yourself: www.kaggle.com/competitions/{competition}/submit"
    client = _client()
    if client is None:
        raise UserError(f"{file} is valid, but Kaggle's client is not installed\npip install 'tlk[kaggle]', {by_hand}")
    if not _has_credentials():
        remedy = "put the kaggle.json of your account's settings into ~/.kaggle/, or set KAGGLE_USERNAME and KAGGLE_KEY"
        raise UserError(f"{file} is valid, but there are no credentials for Kaggle\n{remedy},\n{by_hand}")
    return _hand_over(client, file, competition, message)


def _client() -> str | None:
    """Return where Kaggle's program is: on the path, or beside the Python that runs this."""
    beside = Path(sys.executable).parent  # a virtual environment that was not activated is on no path
    return shutil.which("kaggle") or shutil.which("kaggle", path=str(beside))


def _has_credentials() -> bool:
    """Return whether there is something that the client may take; only it reads it."""
    if os.environ.get("KAGGLE_API_TOKEN") or all(os.environ.get(name) for name in ("KAGGLE_USERNAME", "KAGGLE_KEY")):
        return True
    named = os.environ.get("KAGGLE_CONFIG_DIR")
    folders = [Path(named)] if named else [Path.home() / ".kaggle", Path.home() / ".config" / "kaggle"]
    return any((folder / name).is_file() for folder in folders for name in ("kaggle.json", "access_token"))


def _hand_over(client: str, file: Path, competition: str, message: str) -> str:
    # With equal signs: a message that begins with a dash is no option.
    options = [f"--competition={competition}", f"--file={file}", f"--message={message}"]
    try:
        done = subprocess.run(  # noqa: S603  # no shell; the words are the user's own
            [client, "competitions", "submit", *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as error:
        raise UserError(f"cannot start {client}: {error.strerror}\npip install --upgrade kaggle") from error
    except subprocess.TimeoutExpired as error:
        what = f"Kaggle's client did not end within {_PATIENCE} seconds"
        raise UserError(f"{what}\nlook there whether {file} has arrived before you try again") from error
    said = _lines(done.stdout) or _lines(done.stderr)
    refused = next((line for line in said if line.lower().startswith("could not")), None)  # it ends with 0 all the same
    if done.returncode or refused:
        why = refused or (_lines(done.stderr) or said or [f"it ended with {done.returncode}"])[-1]
        raise UserError(
            f"Kaggle has not taken {file}: {why[:300]}\ncheck the competition's name and rules, and try again"
        )
    return said[-1] if said else f"handed to {competition}"


def _lines(text: str) -> list[str]:
    """Return what is said, line by line, without bars of progress and without any secret."""
    for name in _SECRETS:
        secret = os.environ.get(name)
        text = text.replace(secret, "…") if secret and len(secret) > 7 else text  # keys have 32 digits and more
    lines = (line.strip() for line in re.split(r"[\r\n]+", text))
    return [line for line in lines if line and "%|" not in line]

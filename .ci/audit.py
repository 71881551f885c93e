"""Asks a database of vulnerabilities about every version in constraints.txt, with pip-audit in a throwaway environment.

Exit code 0: every version was looked up, none is known to be vulnerable. 1: some are. 75: it could not be done here, or
not for all; nothing is then known of the others, whatever pip-audit's own last line says.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AUDITOR = "pip-audit==2.10.1"
SECONDS = 600
CLEAN, VULNERABLE, NOT_DONE = 0, 1, 75


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """Return the exit code and the words for what pip-audit reports in JSON."""
    found = report["dependencies"]
    skipped = [row for row in found if "skip_reason" in row]
    asked = [row for row in found if "skip_reason" not in row]
    flaws = [f"{row['name']} {row['version']}: {flaw['id']}" for row in asked for flaw in row["vulns"]]
    rest = f"; {len(skipped)} could not be looked up, such as {skipped[0]['name']}" if skipped else ""
    if flaws:
        return VULNERABLE, f"audit: {len(flaws)} known vulnerabilities{rest}\n" + "\n".join(flaws)
    if not asked:
        return (
            NOT_DONE,
            f"audit: NOT DONE, the database knows none of {len(skipped)} distributions: no access from here?",
        )
    if skipped:
        return NOT_DONE, f"audit: NOT DONE for all: no known vulnerabilities in {len(asked)} versions{rest}"
    return CLEAN, f"audit: no known vulnerabilities in {len(asked)} versions"


def audit(python: str) -> tuple[int, str]:
    """Run pip-audit, which `python` has, and return exit code and words."""
    given = ["--requirement", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip"]
    how = ["--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    command = [python, "-m", "pip_audit", *given, *how]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
    try:
        return verdict(json.loads(ran.stdout))
    except ValueError:  # it says why on stderr
        last = (ran.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return NOT_DONE, f"audit: NOT DONE: {last}"


def main() -> int:
    """Install the auditor beside everything else, run it, print what it found."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", AUDITOR]
        try:
            subprocess.run(install, check=True, timeout=SECONDS)  # noqa: S603
            code, words = audit(python)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            code, words = NOT_DONE, f"audit: NOT DONE: {error}"
    print(words, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())

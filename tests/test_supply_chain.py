"""What is installed is what is pinned, under licences that let tlk be passed on; and an audit never claims too much."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CI = Path(__file__).parent.parent / ".ci"


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Iterator[None]:
    sys.path.insert(0, str(CI))
    yield
    sys.path.remove(str(CI))


def script(name: str) -> Any:
    return importlib.import_module(name)


def test_everything_that_is_pulled_in_is_pinned_and_every_pin_is_used() -> None:
    distributions = script("distributions")
    installed = distributions.closure(distributions.requirements(distributions.INSTALLED_EXTRAS))
    versions = {name: found.version.partition("+")[0] for name, found in installed.items()}  # torch's says +cpu
    assert len(versions) > 50
    assert versions == distributions.pins()


def test_every_pin_is_one_version() -> None:
    lines = (CI.parent / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins == sorted(pins, key=lambda line: line.lower())
    assert all(line.count("==") == 1 and "*" not in line for line in pins)


def test_the_table_of_licences_is_that_of_what_is_installed() -> None:
    licences = script("licences")
    assert licences.TABLE.read_text(encoding="utf-8") == licences.table(), "run `make licences`"
    assert "not stated" not in licences.table()


def test_no_dependency_has_a_strong_copyleft() -> None:
    licences, distributions = script("licences"), script("distributions")
    found = distributions.closure(distributions.requirements(distributions.RUNTIME_EXTRAS))
    assert len(found) > 30
    strong = [name for name, one in found.items() if licences.is_strong_copyleft(licences.licence_of(one))]
    assert strong == []


@pytest.mark.parametrize(
    ("licence", "strong"),
    [
        ("MIT", False),
        ("Apache-2.0 OR BSD-2-Clause", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", False),
        ("LGPL-3.0-or-later", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("GPL-3.0-only", True),
        ("GPLv2", True),
        ("MIT AND AGPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1 AND GPL-2.0-only", True),
    ],
)
def test_strong_copyleft_is_recognised(licence: str, strong: bool) -> None:
    assert script("licences").is_strong_copyleft(licence) is strong


CLEAN = {"name": "numpy", "version": "2.4.6", "vulns": []}
FLAWED = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited: torch (2.13.0)"}


@pytest.mark.parametrize(
    ("rows", "code", "said"),
    [
        ([CLEAN, CLEAN], 0, "audit: no known vulnerabilities in 2 versions"),
        ([CLEAN, FLAWED], 1, "audit: 2 known vulnerabilities\npillow 1.0: PYSEC-1\npillow 1.0: PYSEC-2"),
        ([FLAWED, SKIPPED], 1, "audit: 2 known vulnerabilities; 1 could not be looked up, such as torch\n"),
        ([SKIPPED, SKIPPED], 75, "audit: NOT DONE, the database knows none of 2 distributions"),
        ([CLEAN, SKIPPED], 75, "audit: NOT DONE for all: no known vulnerabilities in 1 versions; 1 could not"),
        ([], 75, "audit: NOT DONE"),
    ],
)
def test_an_audit_claims_no_more_than_it_has_looked_up(rows: list[dict[str, Any]], code: int, said: str) -> None:
    found, words = script("audit").verdict({"dependencies": rows})
    assert found == code
    assert words.startswith(said)


def test_an_audit_without_a_report_is_not_done(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'ERROR: no route to host' >&2\nexit 1\n")
    fake.chmod(0o755)
    assert script("audit").audit(str(fake)) == (75, "audit: NOT DONE: ERROR: no route to host")

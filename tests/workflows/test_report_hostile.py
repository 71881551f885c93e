"""Data whose ids are markup, quotes, letters of all kinds and very long: from files to a page in a real browser."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlk.workflows.progress import Silent
from tlk.workflows.report import ReportOptions, report
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

pytestmark = pytest.mark.slow

PAIRS = 40  # two folds with lists of 20
HOSTILE = (
    "<script>document.title='taken'<script>",
    "<img src=x onerror=document.title='taken'>",
    '"onmouseover="document.title=\'taken\'"',
    "'\"`&amp;&#60;script&#62;",
    "<!--<script>",
    "]]>{{7*7}}{% raw %}",
    "\u2028\u2029\u202eevil",
    "ключ-键-🔑-é",
    "$\\alpha$",
    "l" * 200,
)


def draw(folder: Path) -> list[str]:
    """Draw a competition of random pictures whose ids are hostile, and return the left ones."""
    random = np.random.default_rng(0)
    ids = [HOSTILE[n] if n < len(HOSTILE) else f"plain{n}" for n in range(PAIRS)]
    for side in ("left", "right"):
        (folder / "train" / side).mkdir(parents=True)
        for name in ids:
            pixels = random.integers(0, 256, (24, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "train" / side / f"{name}.jpg")
    with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("left", "right"), *zip(ids, ids, strict=True)])
    return ids


def test_hostile_ids_are_shown_and_nothing_of_them_runs(browser: Any, workspace_folder: Path) -> None:
    ids = draw(workspace_folder / "data")
    (workspace_folder / "folds").mkdir()
    with (workspace_folder / "folds" / "one.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(name, name, place, place % 2) for place, name in enumerate(ids)]
        csv.writer(file).writerows([("left", "right", "group", "fold"), *rows])
    workspace = Workspace.here(workspace_folder / "data")
    train(workspace, TrainOptions(recipe="thumbnail", folds=workspace_folder / "folds" / "one.csv"), Silent())
    done = report(workspace, [], ReportOptions(figures=workspace_folder / "figures"), Silent())
    browser.get_log("browser")
    browser.get(done.path.absolute().as_uri())
    assert browser.get_log("browser") == []
    assert browser.title == "Report: data"
    assert browser.execute_script("return document.scripts.length") == 3
    for article in browser.find_elements("css selector", "#feed article"):
        browser.execute_script("arguments[0].scrollIntoView({behavior: 'instant'})", article)
    shown = browser.execute_script("return [...document.querySelectorAll('#feed h3 b')].map(b => b.textContent)")
    assert sorted(text.split(": ", 1)[1] for text in shown) == sorted(ids)
    strange = "return [...document.images].filter(i => !i.src.startsWith('data:image/webp')).length"
    assert browser.execute_script(strange) == 0
    attributes = "return [...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).map(a => a.name)"
    assert not [name for name in browser.execute_script(attributes) if name.startswith("on")]
    assert browser.title == "Report: data"
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")

"""Fixtures: a small embedded competition and tiny networks on disk, made once a session."""

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tlk.locks import locked

os.environ["TLK_OFFLINE"] = "1"

settings.register_profile("tlk", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("tlk")

PAIRS = 110  # the smallest round number that gives five folds lists of 20
QUERIES = 40

# Where real data lie, in folders tll/, nga/ and painters/; tests of what is not there are skipped.
REAL_DATA = Path(os.environ.get("TLK_TEST_DATA", "real-data")).resolve()


@pytest.fixture(autouse=True)
def torch_seed() -> None:
    """In any order each test begins with the same random numbers of torch's; pytest-randomly sees to the others."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


frozen = 0  # how many modules were loaded when it was last done


@pytest.fixture(autouse=True)
def _frozen() -> None:
    """What libraries keep for good is not looked through for garbage: that takes a quarter of a second each time."""
    global frozen
    if len(sys.modules) > frozen + 100:
        gc.collect()
        gc.freeze()
        frozen = len(sys.modules)


@pytest.fixture(scope="session", autouse=True)
def _duplicates_once() -> Iterator[None]:
    """In one process, near-duplicates among the same images are looked for once: nearly all tests fold the same."""
    from tlk.duplicates import DuplicatePairs, find_duplicates

    known: dict[bytes, DuplicatePairs] = {}

    def find(images: Iterable[Any], keys: Any, *, progress: Callable[[int], None], **given: Any) -> DuplicatePairs:
        key = keys.tobytes() + repr(given).encode()
        if key not in known:
            known[key] = find_duplicates(images, keys, progress=progress, **given)
        else:
            for done, _ in enumerate(images, 1):  # they are decoded, and kept decoded, as ever
                progress(done)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in ("folds", "data_pairs"):
            patch.setattr(f"tlk.workflows.{module}.find_duplicates", find)
        yield


SharedFolder = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> SharedFolder:
    """Makes a folder, once for all the processes that run tests: it has a name, and nobody changes it afterwards."""
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def shared(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = place / f"shared-{name}", place / f"shared-{name}.done"
        with locked(place / f"shared-{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process in which it failed
                folder.mkdir()
                with pytest.MonkeyPatch.context() as patch:
                    for setting in ("TLK_DATA", "TLK_CACHE", "TLK_WEIGHTS", "TLK_PIXEL_CACHE_GB"):
                        patch.delenv(setting, raising=False)
                    patch.chdir(folder)
                    make(folder)
                done.touch()
        return folder

    return shared


@pytest.fixture(scope="session")
def competition_folder(shared_folder: SharedFolder) -> Path:
    """The embedded competition, small."""
    from tlk.data.demo import draw_competition

    def draw(folder: Path) -> None:
        draw_competition(folder / "small", pairs=PAIRS, queries=QUERIES, seed=3)

    return shared_folder("drawn", draw) / "small"


@pytest.fixture
def workspace_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder without TLK_… settings that would leak in."""
    for name in ("TLK_DATA", "TLK_CACHE", "TLK_WEIGHTS", "TLK_PIXEL_CACHE_GB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session", params=["test_efficientnet", "test_resnet", "test_vit", "test_convnext"])
def backbone_folder(request: pytest.FixtureRequest, shared_folder: SharedFolder) -> Path:
    """A tiny random network, saved the way timm reads it from a folder."""
    return shared_folder(request.param, partial(save_backbone, request.param)) / request.param


@pytest.fixture(scope="session")
def tiny_backbone(shared_folder: SharedFolder) -> Path:
    """One of them, where the kind of network does not matter."""
    return shared_folder("test_efficientnet", partial(save_backbone, "test_efficientnet")) / "test_efficientnet"


@pytest.fixture(scope="session")
def mobilenet_folder(shared_folder: SharedFolder) -> Path:
    """A network of the usual size, with random weights: what takes time takes as long as with trained ones."""
    return shared_folder("mobilenetv2_100", partial(save_backbone, "mobilenetv2_100")) / "mobilenetv2_100"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium and chromedriver here: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield started
    started.quit()


def save_backbone(name: str, parent: Path) -> Path:
    """Save a random timm network called `name` below `parent`."""
    from tlk import torchvision_schemas

    torchvision_schemas.declare()
    import timm
    import torch
    from timm.models import save_for_hf

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model(name, pretrained=False)
    folder = parent / name
    save_for_hf(model, folder, safe_serialization=True)
    return folder

"""Backbones: the same calls work for networks of very different build."""

from pathlib import Path

import numpy as np
import torch

from tlk.backbones.depths import DEPTHS
from tlk.embeddings.backbone import BackboneEmbedder
from tlk.embeddings.schema import ViewOfBackbone

CPU = torch.device("cpu")
ALL_STAGES = (*(ViewOfBackbone(at=name, cells=2) for name in DEPTHS), ViewOfBackbone(at="final"))


def pictures(count: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(256, size=(245, 200, 3), dtype=np.uint8) for _ in range(count)]


def embedder(folder: Path, views: tuple[ViewOfBackbone, ...] = ALL_STAGES, mirrored: bool = True) -> BackboneEmbedder:
    return BackboneEmbedder(f"local-dir:{folder}", views, mirrored, CPU, folder / "exports")


def test_every_view_is_finite_and_images_differ(backbone_folder: Path) -> None:
    built = embedder(backbone_folder)
    outputs = built.compute([built.prepare(image) for image in pictures()])
    assert len(outputs) == len(built.views)
    assert len(built.views) % 2 == 0
    for vectors in outputs:
        assert vectors.shape[0] == 3
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        assert not np.allclose(vectors[0], vectors[1])


def test_cells_average_to_the_whole(backbone_folder: Path) -> None:
    whole = embedder(backbone_folder, (ViewOfBackbone(at="middle"),), mirrored=False)
    cells = embedder(backbone_folder, (ViewOfBackbone(at="middle", cells=2),), mirrored=False)
    images = pictures()
    one = whole.compute([whole.prepare(image) for image in images])[0]
    four = cells.compute([cells.prepare(image) for image in images])[0]
    assert four.shape[1] == 4 * one.shape[1]
    mean = four.reshape(3, -1, 4).mean(axis=2)
    # Cells overlap by a row where the map's side is odd, so the mean of their means is near the whole, not equal.
    assert np.corrcoef(mean.ravel(), one.ravel())[0, 1] > 0.98


def test_the_mirrored_view_is_the_view_of_the_mirror(backbone_folder: Path) -> None:
    built = embedder(backbone_folder, (ViewOfBackbone(at="final"),))
    image = pictures(1)[0]
    plain, mirrored = built.compute([built.prepare(image)])
    turned, back = built.compute([built.prepare(np.ascontiguousarray(image[:, ::-1]))])
    np.testing.assert_allclose(mirrored, turned, rtol=0.05, atol=0.02)
    np.testing.assert_allclose(plain, back, rtol=0.05, atol=0.02)


def test_the_final_view_is_the_networks_own_embedding(backbone_folder: Path) -> None:
    built = embedder(backbone_folder, (ViewOfBackbone(at="final"),), mirrored=False)
    prepared = [built.prepare(image) for image in pictures()]
    batch = torch.from_numpy(np.stack(prepared)).permute(0, 3, 1, 2) / 255
    mean, deviation = (torch.tensor(built.model.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        oracle = built.model((batch - mean) / deviation).numpy()
    ours = built.compute(prepared)[0]
    cosine = (oracle * ours).sum(1) / np.linalg.norm(oracle, axis=1) / np.linalg.norm(ours, axis=1)
    assert cosine.mean() > 0.998


def test_fingerprints_follow_weights_and_views(backbone_folder: Path, tmp_path: Path) -> None:
    first = embedder(backbone_folder)
    again = embedder(backbone_folder)
    assert [view.fingerprint for view in first.views] == [view.fingerprint for view in again.views]
    assert len({view.fingerprint for view in first.views}) == len(first.views)
    changed = tmp_path / backbone_folder.name
    changed.mkdir()
    (changed / "config.json").write_bytes((backbone_folder / "config.json").read_bytes())
    from safetensors.torch import load_file, save_file

    weights = load_file(backbone_folder / "model.safetensors")
    early = [key for key in weights if "stem" in key or key.startswith(("conv1", "patch_embed"))]
    name = next(key for key in early if weights[key].is_floating_point())
    weights[name].view(-1)[0] += 1e-3  # one number of one layer
    save_file(weights, changed / "model.safetensors")
    other = embedder(changed)
    assert not {view.fingerprint for view in first.views} & {view.fingerprint for view in other.views}


def test_one_stage_named_twice_is_one_view(backbone_folder: Path) -> None:
    built = embedder(backbone_folder, (ViewOfBackbone(at="last"), ViewOfBackbone(at=1.0)), mirrored=False)
    assert len(built.views) == 1


def test_maps_kept_whole_pool_to_the_stages_own_view(backbone_folder: Path) -> None:
    whole = embedder(backbone_folder, (ViewOfBackbone(at="late", maps=True),), mirrored=False)
    pooled = embedder(backbone_folder, (ViewOfBackbone(at="late"),), mirrored=False)
    images = pictures()
    flat = whole.compute([whole.prepare(image) for image in images])[0]
    one = pooled.compute([pooled.prepare(image) for image in images])[0]
    if backbone_folder.name == "test_vit":
        maps = flat.reshape(3, -1, one.shape[1])[:, 1:].transpose(0, 2, 1)  # tokens, the first of them no place
    else:
        maps = flat.reshape(3, one.shape[1], -1)
    np.testing.assert_allclose(maps.mean(axis=2), one, rtol=0.05, atol=0.02)


def test_another_size_is_another_view_of_the_same_width(backbone_folder: Path) -> None:
    name, views = f"local-dir:{backbone_folder}", (ViewOfBackbone(at="last", cells=2), ViewOfBackbone(at="final"))
    own, larger = (BackboneEmbedder(name, views, False, CPU, backbone_folder / "exports", size) for size in (None, 224))
    assert {view.fingerprint for view in own.views}.isdisjoint(view.fingerprint for view in larger.views)
    image = pictures(1)[0]
    assert larger.prepare(image).shape == (224, 224, 3)
    one, two = own.compute([own.prepare(image)]), larger.compute([larger.prepare(image)])
    assert [part.shape for part in one] == [part.shape for part in two]
    assert not np.allclose(one[0], two[0], rtol=1e-2)

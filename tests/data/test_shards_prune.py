"""Shards pruned: what is kept, what others do meanwhile, and what stands in the way."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.small_shards import append, content, keys, rewrite
from tlk.data.shards import Shards
from tlk.errors import UserError


def test_pruning_keeps_what_is_asked_for_and_rewrites_shards_in_part(tmp_path: Path) -> None:
    shards = Shards(tmp_path, np.uint8)
    for numbers in ((1, 2), (3, 4, 5), (6,)):
        append(shards, *numbers)
    shards.refresh()
    untouched = {path for path in tmp_path.iterdir() if path.name.startswith(shards.names()[0])}
    whole = [int(number) for number in range(1, 7) if shards.find(keys(number))[0, 0] == 0]
    keep = [*whole, *(number for number in (1, 4, 6) if number not in whole)]
    size = shards.size()
    assert shards.prune(keys(9, *keep), rewrite(shards)) == 6 - len(keep)
    for reader in (shards, Shards(tmp_path, np.uint8)):
        assert [content(reader, number) for number in keep] == [[number] * 4 for number in keep]
        assert reader.count() == len(keep)
        assert reader.size() < size
    assert untouched <= set(tmp_path.iterdir())  # nothing of it went
    assert shards.prune(keys(), rewrite(shards)) == len(keep)
    assert not list(tmp_path.iterdir())
    assert shards.prune(keys(), rewrite(shards)) == 0


def test_pruning_leaves_alone_what_others_append_meanwhile(tmp_path: Path) -> None:
    shards, other = Shards(tmp_path, np.uint8), Shards(tmp_path, np.uint8)
    append(shards, 1)
    shards.refresh()
    append(other, 2)
    assert shards.prune(keys(), rewrite(shards)) == 1
    assert [content(shards, number) for number in (1, 2)] == [None, [2] * 4]


def test_an_interrupted_pruning_has_lost_nothing(tmp_path: Path) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1, 2)
    shards.refresh()

    def interrupt(shard: int, rows: np.ndarray) -> None:
        rewrite(shards)(shard, rows)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shards.prune(keys(1), interrupt)
    assert content(Shards(tmp_path, np.uint8), 1) == [1] * 4
    shards.refresh()
    shards.prune(keys(1), rewrite(shards))
    assert [content(shards, number) for number in (1, 2)] == [[1] * 4, None]


def test_what_cannot_be_removed_is_said_and_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1)
    shards.refresh()

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(UserError, match=r"cannot remove .*: Permission denied"):
        shards.prune(keys(), rewrite(shards))


def test_a_shard_that_another_process_has_pruned_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shards, other = Shards(tmp_path, np.uint8), Shards(tmp_path, np.uint8)
    append(shards, 1, 2)
    place = int(shards.find(keys(2))[0, 0])
    other.refresh()
    other.prune(keys(1), rewrite(other))
    assert shards.data(place) is None
    shards.discard([place])
    assert [content(shards, number) for number in (1, 2)] == [[1] * 4, None]
    assert not caplog.records

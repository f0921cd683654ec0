"""Batches: the same whoever prepares them, from wherever, and after a restart."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convnets.data import Batch, Loader, Source, Split, channel_statistics, check, normalise, open_source
from convnets.data.loader import CPU
from convnets.data.resident import Resident
from convnets.data.statistics import NO_STATISTICS, Statistics, standardise
from convnets.errors import DataError, ResourceError, UsageError
from convnets.spec import Augment, Preprocess

CROP = Augment(pad=2, flip=True)
AREA = Augment(area=(0.2, 1.0), flip=True)
PREPROCESS = Preprocess(size=16, resize=20)


def folder_of(root: Path, sizes: list[tuple[int, int]]) -> Source:
    rng = np.random.default_rng(0)
    for label in "ab":
        (root / label).mkdir(parents=True)
        for i in range(21):
            height, width = sizes[i % len(sizes)]
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{i:02}.jpg")
    return open_source(str(root), val_fraction=0)


@pytest.fixture(scope="module")
def equal(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return folder_of(tmp_path_factory.mktemp("equal"), [(24, 30)]).splits["train"]


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return folder_of(tmp_path_factory.mktemp("unequal"), [(24, 30), (10, 40), (50, 17)]).splits["train"]


def in_memory(split: Split) -> Split:
    return check(Source("x", ("a", "b"), {"train": split}, 3, None, {})).splits["train"]


def same(first: Iterator[Batch], second: Iterator[Batch]) -> bool:
    pairs = list(zip(first, second, strict=True))
    return bool(pairs) and all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and np.array_equal(a.index, b.index)
        for a, b in pairs
    )


@pytest.mark.parametrize("augment", [CROP, AREA, None])
@pytest.mark.parametrize("kind", ["equal", "unequal"])
def test_workers_memory_and_restarts_change_nothing(
    kind: str, augment: Augment | None, request: pytest.FixtureRequest
) -> None:
    split: Split = request.getfixturevalue(kind)

    def loader(part: Split, workers: int) -> Loader:
        return Loader(
            part, PREPROCESS, batch_size=8, augment=augment, shuffle=augment is not None, seed=5, workers=workers
        )

    reference = loader(split, 0)
    two, four, memory, memory_two = (
        loader(split, 2),
        loader(split, 4),
        loader(in_memory(split), 0),
        loader(in_memory(split), 2),
    )
    threads = Loader(split, PREPROCESS, batch_size=8, augment=augment, shuffle=augment is not None, seed=5, threads=3)
    for other in (two, four, memory, memory_two, threads):
        assert same(reference.epoch(3), other.epoch(3))
    half = two.epoch(4)  # left in mid-epoch
    next(half)
    tail = list(reference.epoch(4))[2:]
    for other in (reference, two, memory):
        assert same(other.epoch(4, start=2), iter(tail))


def test_batches_have_the_promised_form(equal: Split) -> None:
    batch = next(Loader(equal, PREPROCESS, batch_size=8, augment=CROP, shuffle=True).epoch(0))
    assert batch.images.dtype == torch.uint8 and batch.images.shape == (8, 3, 16, 16)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.labels.dtype == torch.int64 and batch.index.dtype == np.int64
    assert torch.equal(batch.labels, torch.from_numpy(equal.labels[batch.index]))


def test_epochs_and_seeds_differ_and_cover_every_sample(equal: Split) -> None:
    loader = Loader(equal, PREPROCESS, batch_size=7, augment=CROP, shuffle=True)
    orders = [np.concatenate([batch.index for batch in loader.epoch(e)]) for e in range(3)]
    assert all(np.array_equal(np.sort(order), np.arange(42)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])
    other = Loader(equal, PREPROCESS, batch_size=7, augment=CROP, shuffle=True, seed=1)
    assert not same(loader.epoch(0), other.epoch(0))


@pytest.mark.parametrize("batch_size,shuffle,sizes", [(8, True, [8] * 5), (8, False, [8] * 5 + [2]), (50, True, [42])])
def test_training_drops_an_incomplete_last_batch(
    equal: Split, batch_size: int, shuffle: bool, sizes: list[int]
) -> None:
    loader = Loader(equal, PREPROCESS, batch_size=batch_size, shuffle=shuffle)
    assert [len(batch.labels) for batch in loader.epoch(0)] == sizes and len(loader) == len(sizes)


@pytest.mark.parametrize("workers", [0, 2])
def test_no_global_random_state_is_used(unequal: Split, workers: int) -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]  # type: ignore[index]
    list(Loader(unequal, PREPROCESS, batch_size=8, augment=AREA, shuffle=True, workers=workers).epoch(0))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # type: ignore[index]


def test_a_restart_decodes_nothing_before_it(equal: Split) -> None:
    class Counting:
        loaded = 0

        def __len__(self) -> int:
            return len(equal)

        def name(self, index: int) -> str:
            return str(index)

        def take(self, indices: np.ndarray) -> Counting:
            raise NotImplementedError

        def load(self, index: int) -> np.ndarray:
            self.loaded += 1
            return equal.pictures.load(index)

    pictures = Counting()
    loader = Loader(Split(pictures, equal.labels), PREPROCESS, batch_size=8, augment=CROP, shuffle=True)
    assert len(list(loader.epoch(0, start=4))) == 1 and pictures.loaded == 8


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_turns_bad_is_named_in_one_line(tmp_path: Path, workers: int) -> None:
    split = folder_of(tmp_path, [(8, 8)]).splits["train"]
    (tmp_path / "a" / "07.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=r"a/07\.jpg: ") as caught:
        list(Loader(split, PREPROCESS, batch_size=8, augment=CROP, shuffle=True, workers=workers).epoch(0))
    assert "\n" not in str(caught.value)


class Deadly:
    """Ends the process that loads its first picture, while the parent waits for it: torch would raise anywhere."""

    def __len__(self) -> int:
        return 8

    def name(self, index: int) -> str:
        return str(index)

    def take(self, indices: np.ndarray) -> Deadly:
        return self

    def load(self, index: int) -> np.ndarray:
        if index == 0:
            os._exit(9)
        return np.zeros((16, 16, 3), np.uint8)


def test_a_worker_that_dies_is_a_resource_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)  # seconds between looks; 5 as it comes
    with pytest.raises(ResourceError, match="worker process for data died") as caught:
        list(Loader(Split(Deadly(), np.zeros(8, np.int64)), PREPROCESS, batch_size=2, workers=1).epoch(0))
    assert "\n" not in str(caught.value)


def test_normalise() -> None:
    images = (
        torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    )
    preprocess = Preprocess(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    expected = (images / 255 - torch.tensor([0.1, 0.2, 0.3]).view(-1, 1, 1)) / torch.tensor([0.5, 0.6, 0.7]).view(
        -1, 1, 1
    )
    result = normalise(images, preprocess)
    torch.testing.assert_close(result, expected)
    assert result.is_contiguous(memory_format=torch.channels_last) and images.dtype == torch.uint8
    torch.testing.assert_close(normalise(images, Preprocess()), images / 255)
    with pytest.raises(UsageError, match="1 channels"):
        normalise(images[:, :1], preprocess)


def test_channel_statistics(equal: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    split = in_memory(equal)
    preprocess = Preprocess(size=20, resize=None)
    pixels = np.stack([split.pictures.load(i)[2:22, 5:25] for i in range(len(split))]) / 255
    mean, std = channel_statistics(split, preprocess)
    np.testing.assert_allclose(mean, pixels.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, pixels.std((0, 1, 2)), rtol=1e-9)
    assert channel_statistics(equal, preprocess) == (mean, std)
    monkeypatch.setattr("convnets.data.measuring.SAMPLES", 10)
    sampled = channel_statistics(equal, preprocess)
    assert sampled != (mean, std) and sampled == channel_statistics(equal, preprocess)
    grey = channel_statistics(split, dataclasses.replace(preprocess, channels=1))
    assert len(grey[0]) == 1 and abs(grey[0][0] - np.mean(mean)) < 0.01


def test_threads_leave_an_epoch_and_name_what_went_wrong(tmp_path: Path) -> None:
    split = folder_of(tmp_path / "data", [(24, 30), (30, 24)]).splits["train"]
    loader = Loader(split, PREPROCESS, batch_size=4, augment=AREA, shuffle=True, threads=2)
    left = loader.epoch(0)
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert len(list(loader.epoch(0, start=3))) == len(loader) - 3
    (tmp_path / "data/a/03.jpg").unlink()
    with pytest.raises(DataError, match=r"03\.jpg"):
        list(loader.epoch(1))


def test_policies_are_left_to_processes(unequal: Split) -> None:
    loader = Loader(unequal, PREPROCESS, batch_size=8, augment=Augment(policy="trivialaugment"), threads=2)
    assert loader._threads == 0
    assert loader._workers is not None


def test_reduced_decoding_is_streamed_the_same_by_everyone(tmp_path: Path) -> None:
    """Smooth pictures of 200 x 300 at 32 pixels: reduced by 4 or 2 for most crops, and hardly another picture."""
    rng = np.random.default_rng(0)
    for number in range(16):
        path = tmp_path / "ab"[number % 2]
        path.mkdir(exist_ok=True)
        smooth = Image.fromarray(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)).resize((300, 200), 3)
        smooth.save(path / f"{number}.jpg", quality=95)
    split = open_source(str(tmp_path), val_fraction=0).splits["train"]

    def batches(augment: Augment, workers: int = 0, threads: int = 0) -> list[Batch]:
        return list(
            Loader(
                split, Preprocess(size=32), batch_size=4, augment=augment, shuffle=True, workers=workers,
                threads=threads,
            ).epoch(1)
        )  # fmt: skip

    augment = Augment(area=(0.3, 1.0), flip=True)

    quick = dataclasses.replace(augment, decode="reduced")
    reduced, exact = batches(quick), batches(augment)
    for workers, threads in ((2, 0), (0, 2)):
        assert same(iter(reduced), iter(batches(quick, workers, threads)))
    levels = [torch.cat([batch.images.float() for batch in some]) for some in (reduced, exact)]
    assert 0 < (levels[0] - levels[1]).abs().mean() < 4  # crops are moved by less than a pixel


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [1, 3])
def test_normalising_one_by_one_is_normalising_together(layout: torch.memory_format, channels: int) -> None:
    images = torch.randint(0, 256, (5, channels, 7, 9), dtype=torch.uint8).contiguous(memory_format=layout)
    preprocess = Preprocess(mean=(0.485, 0.456, 0.406)[:channels], std=(0.229, 0.224, 0.225)[:channels])
    mean, std = (torch.tensor(values).mul(255).view(-1, 1, 1) for values in (preprocess.mean, preprocess.std))
    ready = normalise(images, preprocess)
    assert torch.equal(ready, (images.float() - mean) * std.reciprocal())
    assert ready.is_contiguous(memory_format=layout)


@pytest.mark.parametrize(
    "augment",
    [
        None, CROP, Augment(pad=4, pad_mode="reflect", flip=True), Augment(ten=True, flip=True), Augment(pad=9),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [16, 28])
@pytest.mark.parametrize("subtract", ["channel", "pixel"])
def test_a_set_on_its_device_gives_the_same_batches(
    equal: Split, augment: Augment | None, size: int, subtract: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, preprocess = in_memory(equal), Preprocess(size=size, resize=20)
    statistics = NO_STATISTICS
    if subtract == "pixel":
        image = np.random.default_rng(0).uniform(0, 255, (20, 25, 3)).astype(np.float32)
        statistics = Statistics(mean_image=image)
    loader = Loader(split, preprocess, batch_size=8, augment=augment, shuffle=True, seed=3, statistics=statistics)
    batches, whole = list(loader.epoch(2)), loader._batches.whole
    assert whole is not None
    assert Resident.of(whole, preprocess, augment, 3, statistics, CPU) is None
    if subtract == "pixel":
        whole = standardise(whole, preprocess, statistics)
    loader._resident = Resident(whole, preprocess, augment, 3, CPU)
    on_device = list(loader.epoch(2))
    assert same(iter(batches), iter(on_device))
    assert all(batch.images.is_contiguous(memory_format=torch.channels_last) for batch in on_device)

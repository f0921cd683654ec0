"""Every protocol against the obvious way: each crop cut by hand with Pillow, the network asked for one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

from convnets import runs
from convnets.data import NO_STATISTICS, Loader, Split, Statistics, prepare, read_picture
from convnets.data.pictures import MemoryPictures, Names
from convnets.errors import CheckpointError, DataError, DivergedError, UsageError
from convnets.evaluate import (
    Evaluation,
    Member,
    ensemble,
    evaluate_ensemble,
    evaluate_network,
    evaluate_protocols,
    micro_batch,
    multi_view,
)
from convnets.evaluate.protocols import View, parse, views
from convnets.evaluate.views import DENSE_PIXELS, cut
from convnets.layers import FullyConnected, conv_relu, fill
from convnets.network import Network
from convnets.spec import Preprocess

SIZE, CLASSES = 28, 7
PREPROCESS = Preprocess(size=SIZE, resize=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
ALEXNET = Preprocess(size=SIZE, resize=32, centre=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
LABELS = np.arange(5) % CLASSES

Views = Iterator[tuple[Image.Image, bool]]  # pictures, and whether the network is applied to them densely


def network(seed: int = 4, pooled: bool = False) -> Network:
    """A small one with a fully connected head, or with global pooling, whose answers depend on where things are."""
    torch.manual_seed(seed)
    rows: dict[str, nn.Module] = {
        "conv1": conv_relu(3, 8, 5, 2, padding=0),
        "pool1": nn.MaxPool2d(2, 2),
        "conv2": conv_relu(8, 16, 3, padding=0),
    }
    rows |= {"avgpool": nn.AdaptiveAvgPool2d(1)} if pooled else {}
    rows |= {"fc6": nn.Sequential(FullyConnected(16 if pooled else 256, 24), nn.ReLU())}
    rows |= {"fc7": FullyConnected(24, CLASSES)}

    def rule(name: str, module: nn.Module) -> None:
        fill(lambda weight: nn.init.normal_(weight, std=2.2 / math.sqrt(weight[0].numel())), name, module)

    return Network(rows, head="avgpool" if pooled else "fc6", initialise=rule, input_size=None if pooled else SIZE)


@pytest.fixture(scope="module")
def photographs(shared: Path) -> list[np.ndarray]:
    """Five of them: wide, tall, square, small and very wide."""
    found = [read_picture(path) for path in sorted((shared / "data" / "imagenet-samples").glob("*.JPEG"))[:40]]
    wide = next(picture for picture in found if picture.shape[1] > picture.shape[0])
    tall = next(picture for picture in found if picture.shape[1] < picture.shape[0])
    return [wide, tall, found[0][:200, :200], found[1][:25, :31], found[2][:50, :400]]


def split_of(pictures: list[np.ndarray], labels: np.ndarray = LABELS) -> Split:
    return Split(MemoryPictures(list(pictures), Names("test", np.arange(len(pictures)))), labels[: len(pictures)])


# --- the obvious way -------------------------------------------------------------------------------------------------


def shorter_to(image: Image.Image, side: int) -> Image.Image:
    width, height = image.size
    scale = (side, side * height // width) if width < height else (side * width // height, side)
    return image if scale == image.size else image.resize(scale, Image.Resampling.BILINEAR)


def five(image: Image.Image, size: int = SIZE) -> Iterator[Image.Image]:
    width, height = image.size
    right, bottom, x, y = width - size, height - size, round((width - size) / 2), round((height - size) / 2)
    for left, top in ((0, 0), (right, 0), (0, bottom), (right, bottom), (x, y)):
        yield image.crop((left, top, left + size, top + size))


def middle(image: Image.Image, side: int) -> Image.Image:
    left, top = round((image.size[0] - side) / 2), round((image.size[1] - side) / 2)
    return image.crop((left, top, left + side, top + side))


def both(crops: Iterator[Image.Image], dense: bool = False) -> Views:
    for crop in crops:
        yield crop, dense
        yield ImageOps.mirror(crop), dense


def one_crop(image: Image.Image) -> Views:
    yield middle(shorter_to(image, 32), SIZE), False


def other_crop(image: Image.Image) -> Views:
    yield middle(shorter_to(image, 40), 28), False


def ten_crop(image: Image.Image) -> Views:
    yield from both(five(shorter_to(image, 32)))


def ten_of_square(image: Image.Image) -> Views:
    yield from both(five(middle(shorter_to(image, 32), 32)))


def six(square: Image.Image) -> Iterator[Image.Image]:
    yield from five(square)
    yield square.resize((SIZE, SIZE), Image.Resampling.BILINEAR)


def twelve_crop(image: Image.Image) -> Views:
    yield from both(six(middle(shorter_to(image, 36), 36)))


def googlenet(image: Image.Image) -> Views:
    for side in (32, 36, 40, 44):  # 256, 288, 320 and 352 for crops of 28
        scaled = shorter_to(image, side)
        width, height = scaled.size
        for share in (0, 0.5, 1):
            left, top = round(share * (width - side)), round(share * (height - side))
            yield from both(six(scaled.crop((left, top, left + side, top + side))))


def grid(image: Image.Image, scales: tuple[int, ...] = (32, 40)) -> Views:
    for side in scales:
        scaled = shorter_to(image, side)
        for row in range(5):
            for column in range(5):
                left, top = round(column / 4 * (scaled.size[0] - SIZE)), round(row / 4 * (scaled.size[1] - SIZE))
                yield from both(iter([scaled.crop((left, top, left + SIZE, top + SIZE))]))


def dense(image: Image.Image, scales: tuple[int, ...] = (32,)) -> Views:
    yield from both((shorter_to(image, side) for side in scales), dense=True)


def scores(net: Network, image: Image.Image, densely: bool) -> torch.Tensor:
    """Logits of one view; densely, those of each window of 28x28 at the network's stride of 4, averaged."""
    values = (np.asarray(image, np.float64) / 255 - PREPROCESS.mean) / PREPROCESS.std
    x = torch.from_numpy(values).permute(2, 0, 1)[None].float()
    net.eval()
    with torch.no_grad():
        if not densely or not net.input_size:
            scores: torch.Tensor = net(x)[0].double()
            return scores
        height, width = x.shape[2:]
        seen = SIZE - 1  # the last row and column of 28 are in no window of the first convolution
        places = [(top, left) for top in range(0, height - seen + 1, 4) for left in range(0, width - seen + 1, 4)]
        windows = [net(x[..., top : top + seen, left : left + seen])[0] for top, left in places]
        return torch.stack(windows).mean(0).double()


def by_hand(
    net: Network, picture: np.ndarray, way: Callable[[Image.Image], Views], logits: bool = False
) -> torch.Tensor:
    found = torch.stack([scores(net, *view) for view in way(Image.fromarray(picture))])
    return found.mean(0).softmax(0) if logits else found.softmax(1).mean(0)


def losses(probabilities: list[torch.Tensor]) -> float:
    return -float(torch.stack([p[label].log() for p, label in zip(probabilities, LABELS, strict=False)]).mean())


# --- protocols -------------------------------------------------------------------------------------------------------

CASES: dict[str, tuple[Callable[[Image.Image], Views], Preprocess]] = {
    "1crop": (one_crop, PREPROCESS),
    "1crop@40": (other_crop, PREPROCESS),
    "10crop": (ten_crop, PREPROCESS),
    "10crop@32/28": (ten_of_square, ALEXNET),
    "12crop@36": (twelve_crop, PREPROCESS),
    "144crop": (googlenet, PREPROCESS),
    "multi-crop-5x5@32+40": (grid, PREPROCESS),
    "dense": (dense, ALEXNET),
    "dense@32+40": (lambda image: dense(image, (32, 40)), PREPROCESS),
}


@pytest.mark.parametrize("pooled", [False, True], ids=["fully connected", "pooled"])
@pytest.mark.parametrize("text", CASES)
def test_is_what_every_crop_cut_by_hand_gives(text: str, pooled: bool, photographs: list[np.ndarray]) -> None:
    way, preprocess = CASES[text]
    net = network(pooled=pooled)
    expected = [by_hand(net, picture, way) for picture in photographs]
    guesses = torch.stack(expected).argmax(1).numpy()
    assert len(set(guesses)) > 1, "a network that says the same of everything shows little"
    (result,) = evaluate_protocols(net, split_of(photographs), [text], preprocess)
    assert result.evaluation.loss == pytest.approx(losses(expected), rel=1e-5)
    assert result.evaluation.correct_top1 == int((guesses == LABELS).sum())
    for picture, probabilities in zip(photographs, expected, strict=True):
        (alone,) = evaluate_protocols(net, split_of([picture]), [text], preprocess)
        assert alone.evaluation.loss == pytest.approx(losses([probabilities]), rel=1e-5)


def test_all_at_once_are_what_each_is_alone(photographs: list[np.ndarray]) -> None:
    net, split = network(), split_of(photographs)
    together = evaluate_protocols(net, split, list(CASES), PREPROCESS)
    assert [str(result.protocol) for result in together] == list(CASES)
    for result in together:
        (alone,) = evaluate_protocols(net, split, [result.protocol], PREPROCESS)
        assert result.evaluation.loss == pytest.approx(alone.evaluation.loss, rel=1e-6)
        assert result.views == alone.views == len(views(result.protocol, PREPROCESS))
        assert result.pictures_per_second > 0


def test_probabilities_and_logits_are_averaged_in_the_order_of_the_paper(photographs: list[np.ndarray]) -> None:
    net, split = network(), split_of(photographs)
    of_probabilities, of_logits = evaluate_protocols(net, split, ["10crop", "10crop~logits"], PREPROCESS)
    for result, logits in ((of_probabilities, False), (of_logits, True)):
        expected = [by_hand(net, picture, ten_crop, logits) for picture in photographs]
        assert result.evaluation.loss == pytest.approx(losses(expected), rel=1e-5)
    assert of_probabilities.evaluation.loss != pytest.approx(of_logits.evaluation.loss, rel=1e-3)


def test_of_two_joined_each_has_half_the_weight(photographs: list[np.ndarray]) -> None:
    """VGG, Table 5: the mean of two soft-max outputs, although one is of 100 views and the other of four."""
    net = network()
    (result,) = evaluate_protocols(net, split_of(photographs), ["multi-crop-5x5@32+40:dense@32+40"], PREPROCESS)
    expected = [
        (by_hand(net, picture, grid) + by_hand(net, picture, lambda image: dense(image, (32, 40)))) / 2
        for picture in photographs
    ]
    assert result.views == 104
    assert result.evaluation.loss == pytest.approx(losses(expected), rel=1e-5)


def test_dense_scores_are_averaged_before_the_soft_max(photographs: list[np.ndarray]) -> None:
    net = network()
    (result,) = evaluate_protocols(net, split_of(photographs[:1]), ["dense@64"], PREPROCESS)
    found = [scores(net, *view) for view in dense(Image.fromarray(photographs[0]), (64,))]
    expected = torch.stack(found).softmax(1).mean(0)
    assert result.evaluation.loss == pytest.approx(losses([expected]), rel=1e-5)


def test_one_crop_is_the_plain_evaluation(photographs: list[np.ndarray]) -> None:
    net, split = network(), split_of(photographs)
    plain = evaluate_network(net, Loader(split, PREPROCESS, batch_size=2), PREPROCESS)
    (result,) = evaluate_protocols(net, split, ["1crop"], PREPROCESS)
    assert result.evaluation.loss == pytest.approx(plain.loss, rel=1e-6)
    assert result.evaluation.correct_top1 == plain.correct_top1
    for picture in photographs:
        ((_, view),) = cut(picture, views(parse("1crop"), PREPROCESS), PREPROCESS, NO_STATISTICS)
        assert (view == prepare(picture, PREPROCESS)).all()


def test_the_mean_image_is_taken_off_where_the_picture_has_its_size(photographs: list[np.ndarray]) -> None:
    """AlexNet's, of the 32x32 square, before the crop; at other scales its mean colour."""
    preprocess = Preprocess(size=SIZE, resize=32, centre=32, subtract="pixel", std=(0.01, 0.01, 0.01))
    image = np.random.default_rng(1).uniform(50, 200, (32, 32, 3)).astype(np.float32)
    net, statistics = network(), Statistics(mean_image=image)
    results = evaluate_protocols(
        net, split_of(photographs[:1]), ["10crop", "10crop@40", "dense@40"], preprocess, statistics
    )

    def expected(way: Callable[[Image.Image], list[np.ndarray]]) -> float:
        crops = np.stack(way(Image.fromarray(photographs[0])))
        x = torch.from_numpy(crops / 2.55).permute(0, 3, 1, 2).float()
        with torch.no_grad():
            if x.shape[2] == SIZE:
                return losses([net(x).double().softmax(1).mean(0)])
            windows = [
                x[..., top : top + SIZE, left : left + SIZE]
                for top in range(0, 13, 4)
                for left in range(0, x.shape[3] - 27, 4)
            ]
            return losses([torch.stack([net(w) for w in windows]).mean(0).double().softmax(1).mean(0)])

    def own(photograph: Image.Image) -> list[np.ndarray]:
        less = np.asarray(middle(shorter_to(photograph, 32), 32), np.float32) - image
        crops = [less[:28, :28], less[:28, 4:], less[4:, :28], less[4:, 4:], less[2:30, 2:30]]
        return [*crops, *(crop[:, ::-1] for crop in crops)]

    def other(photograph: Image.Image) -> list[np.ndarray]:
        crops = both(five(middle(shorter_to(photograph, 40), 40)))
        return [np.asarray(crop, np.float32) - image.mean((0, 1)) for crop, _ in crops]

    def densely(photograph: Image.Image) -> list[np.ndarray]:
        scaled = both(iter([shorter_to(photograph, 40)]))
        return [np.asarray(view, np.float32) - image.mean((0, 1)) for view, _ in scaled]

    for result, way in zip(results, (own, other, densely), strict=True):
        assert result.evaluation.loss == pytest.approx(expected(way), rel=1e-4), str(result.protocol)


def test_grey_networks_and_pictures() -> None:
    grey = Preprocess(size=SIZE, resize=32, channels=1, mean=(0.5,), std=(0.25,))
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 1), dtype=np.uint8)
    for channels, picture in ((1, np.repeat(noise, 3, 2)), (3, noise)):
        preprocess = grey if channels == 1 else PREPROCESS
        for view, found in cut(picture, views(parse("12crop"), preprocess), preprocess, NO_STATISTICS):
            assert found.shape == (view.size, view.size, channels)


def test_pictures_smaller_than_the_crop_are_padded_with_black() -> None:
    bright = np.full((20, 24, 3), 200, np.uint8)
    preprocess = Preprocess(size=SIZE, resize=None)
    ((_, found),) = cut(bright, [View(None, size=SIZE, place=(0.5, 0.5))], preprocess, NO_STATISTICS)
    assert found.shape == (SIZE, SIZE, 3)
    assert (found[4:24, 2:26] == 200).all()
    assert int(found.sum()) == int(bright.sum())


def test_of_a_very_long_picture_dense_sees_the_middle() -> None:
    stripes = np.zeros((4, 4 * 32, 3), np.uint8)
    stripes[:, 60:68] = 255
    ((_, found),) = cut(stripes, [View(1024)], PREPROCESS, NO_STATISTICS)
    assert found.shape[0] * found.shape[1] <= DENSE_PIXELS
    assert found.shape[1] == DENSE_PIXELS // 1024
    assert (found == found[:, ::-1]).all()
    assert found.max() == 255


# --- one pass --------------------------------------------------------------------------------------------------------


class Counting(MemoryPictures):
    """Pictures that count how often each is decoded."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        super().__init__(pictures, Names("test", np.arange(len(pictures))))
        self.loaded: list[int] = []

    def load(self, index: int) -> np.ndarray:
        self.loaded.append(index)
        return super().load(index)


def noise(number: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (32, 32 + index % 3, 3), dtype=np.uint8) for index in range(number)]


@pytest.mark.parametrize("workers", [0, 3])
def test_each_picture_is_decoded_once_for_all(workers: int) -> None:
    pictures = Counting(noise(20))
    split = Split(pictures, np.arange(20) % CLASSES)
    members = [Member(network(seed), PREPROCESS, NO_STATISTICS) for seed in (0, 1)]
    evaluate_ensemble(members, split, ["1crop", "10crop", "dense@32"], workers=workers)
    assert sorted(pictures.loaded) == list(range(20))


def test_the_result_depends_on_neither_batches_nor_threads_nor_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, texts = noise(30), ["10crop", "dense@32", "1crop"]
    net, split = network(), split_of(pictures, np.arange(30) % CLASSES)
    measured = evaluate_protocols(net, split, texts, PREPROCESS)
    ways: list[dict[str, Any]] = [{"batch_size": 1}, {"batch_size": 7}, {"workers": 2}, {}]
    for number, options in enumerate(ways):
        if number == 3:
            monkeypatch.setattr(micro_batch, "WAITING", 5000)  # bytes, less than two views
            monkeypatch.setattr(multi_view, "COUNTED", 4)
        for one, other in zip(measured, evaluate_protocols(net, split, texts, PREPROCESS, **options), strict=True):
            assert one.evaluation.loss == pytest.approx(other.evaluation.loss, rel=1e-6)
            assert (one.evaluation.confusion == other.evaluation.confusion).all()
            assert one.evaluation.n == other.evaluation.n == 30


def test_few_views_wait_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the shapes differ, no more than WAITING bytes of them are kept."""
    monkeypatch.setattr(micro_batch, "WAITING", 40_000)
    most, add = [0], micro_batch.MicroBatches.add

    def watched(self: micro_batch.MicroBatches, *arguments: Any) -> None:
        add(self, *arguments)
        most[0] = max(most[0], sum(item.view.nbytes for queue in self.waiting.values() for item in queue))

    monkeypatch.setattr(micro_batch.MicroBatches, "add", watched)
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (32, 32 + 3 * index, 3), dtype=np.uint8) for index in range(20)]
    evaluate_protocols(network(), split_of(pictures, np.arange(20) % CLASSES), ["dense@32"], PREPROCESS, batch_size=9)
    assert 20_000 < most[0] <= 40_000


def test_networks_are_left_as_they_were() -> None:
    net = network().train()
    next(iter(net.children())).eval()
    modes = [module.training for module in net.modules()]
    evaluate_protocols(net, split_of(noise(2)), ["dense@32", "1crop"], PREPROCESS)
    assert [module.training for module in net.modules()] == modes
    with pytest.raises(UsageError):
        evaluate_protocols(net, split_of(noise(2)), ["1crop/32"], PREPROCESS)
    assert [module.training for module in net.modules()] == modes


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_cannot_be_read_is_named(workers: int) -> None:
    class Broken(Counting):
        def load(self, index: int) -> np.ndarray:
            if index == 3:
                raise DataError(f"{self.name(index)}: broken")
            return super().load(index)

    with pytest.raises(DataError, match="test/3: broken"):
        evaluate_protocols(
            network(), Split(Broken(noise(9)), np.arange(9) % 7), ["10crop"], PREPROCESS, workers=workers
        )


def test_a_diverged_network_is_refused() -> None:
    net = network()
    with torch.no_grad():
        net.get_classifier().weight.fill_(float("nan"))
    with pytest.raises(DivergedError):
        evaluate_protocols(net, split_of(noise(2)), ["10crop"], PREPROCESS)


def test_a_certain_network_is_not_a_diverged_one() -> None:
    """Probabilities that round to zero have no logarithm."""
    net = network()
    with torch.no_grad():
        net.get_classifier().weight.mul_(1e4)
    (result,) = evaluate_protocols(net, split_of(noise(4)), ["10crop"], PREPROCESS)
    assert math.isfinite(result.evaluation.loss)


def test_a_split_without_pictures_is_refused() -> None:
    with pytest.raises(DataError, match="no pictures"):
        evaluate_protocols(network(), split_of([]), ["10crop"], PREPROCESS)


# --- ensembles -------------------------------------------------------------------------------------------------------


def test_an_ensemble_averages_probabilities(photographs: list[np.ndarray]) -> None:
    """Each network with its own preprocessing, views first, then networks; logits stay within a network."""
    nets, split = [network(seed) for seed in range(3)], split_of(photographs)
    members = [Member(net, PREPROCESS, NO_STATISTICS) for net in nets[:2]]
    members.append(Member(nets[2], ALEXNET, NO_STATISTICS))
    ways = [ten_crop, ten_crop, ten_of_square]
    for result, logits in zip(
        evaluate_ensemble(members, split, ["10crop", "10crop~logits"]), (False, True), strict=True
    ):
        expected = [
            torch.stack([by_hand(net, picture, way, logits) for net, way in zip(nets, ways, strict=True)]).mean(0)
            for picture in photographs
        ]
        assert result.evaluation.loss == pytest.approx(losses(expected), rel=1e-5)
        assert result.views == 10


def test_an_ensemble_of_one_is_the_network() -> None:
    net, split = network(), split_of(noise(6))
    results = [evaluate_ensemble([Member(net, PREPROCESS, NO_STATISTICS)] * n, split, ["10crop"]) for n in (1, 2)]
    first, second = (result.evaluation for (result,) in results)
    assert second.loss == pytest.approx(first.loss, rel=1e-9)


def test_an_ensemble_needs_the_same_classes() -> None:
    def loaded(*classes: str) -> runs.Loaded:
        return runs.Loaded(network(), classes, PREPROCESS, {}, Path("/".join(classes)))

    members = ensemble([loaded("a", "b"), loaded("a", "b")])
    assert [member.preprocess for member in members] == [PREPROCESS] * 2
    with pytest.raises(CheckpointError, match=r"b/a: has other classes than a/b .0 is 'a' and 'b'"):
        ensemble([loaded("a", "b"), loaded("a", "b"), loaded("b", "a")])
    with pytest.raises(CheckpointError, match="2 and 3 classes"):
        ensemble([loaded("a", "b"), loaded("a", "b", "c")])


def test_to_json_holds_the_protocol(photographs: list[np.ndarray]) -> None:
    (result,) = evaluate_protocols(network(), split_of(photographs), ["10crop@40"], PREPROCESS)
    values = result.to_json([str(index) for index in range(CLASSES)])
    assert values["protocol"] == "10crop@40"
    assert values["views"] == 10
    assert values["n"] == 5
    assert isinstance(result.evaluation, Evaluation)

"""What protocols are called, the views they ask for, and which published figures they stand beside."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from convnets import papers, recipes
from convnets.errors import UsageError
from convnets.evaluate.protocols import View, parse, parse_all, views
from convnets.papers.protocols import printed
from convnets.spec import Preprocess

ALEXNET = Preprocess(size=224, resize=256, centre=256)
RESNET = Preprocess(size=224, resize=256)
CIFAR = Preprocess(size=32, resize=None)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1crop", 1),
        ("1crop@320/299", 1),
        ("10crop", 10),
        ("10crop@256/224~logits", 10),
        ("12crop@342", 12),
        ("144crop", 144),
        ("multi-crop-5x5@256", 50),
        ("multi-crop-5x5@256+384+512", 150),
        ("dense", 2),
        ("dense@224+256+384+480+640", 10),
        ("multi-crop-5x5@256+384+512:dense@256+384+512", 156),
    ],
)
def test_number_of_views(text: str, number: int) -> None:
    protocol = parse(text)
    assert str(protocol) == text
    shares = views(protocol, RESNET)
    assert len(shares) == number
    assert sum(shares.values()) == pytest.approx(1)
    assert len({view for view in shares if view.mirrored}) == (number // 2 if number > 1 else 0)
    parts = [sum(share for view, share in shares.items() if (view.size is None) == dense) for dense in (True, False)]
    assert parts == pytest.approx([0.5, 0.5] if ":" in text else [1, 0] if "dense" in text else [0, 1])


def test_views_of_alexnet() -> None:
    """Corners and centre of the middle square (Sec. 4.1), at another scale of a square in proportion."""
    shares = views(parse("10crop"), ALEXNET)
    places = {(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5)}
    assert {view.place for view in shares} == places
    assert {(view.resize, view.square, view.side, view.size) for view in shares} == {(256, 0.5, 256, 224)}
    assert {(view.resize, view.side) for view in views(parse("10crop@512"), ALEXNET)} == {(512, 512)}
    assert {(view.resize, view.square) for view in views(parse("dense@256"), ALEXNET)} == {(256, None)}
    assert {(view.resize, view.square) for view in views(parse("10crop"), RESNET)} == {(256, None)}


def test_views_of_googlenet() -> None:
    """Four scales, three squares, and of each corners, centre and all, mirrored too (Sec. 7)."""
    shares = views(parse("144crop"), RESNET)
    assert Counter(view.resize for view in shares) == dict.fromkeys((256, 288, 320, 352), 36)
    assert Counter(view.square for view in shares) == dict.fromkeys((0.0, 0.5, 1.0), 48)
    assert sum(view.place is None for view in shares) == 24
    larger = views(parse("144crop"), Preprocess(size=299, resize=342))
    assert {view.resize for view in larger} == {342, 384, 427, 470}
    assert {view.size for view in larger} == {299}


def test_views_of_vgg() -> None:
    shares = views(parse("multi-crop-5x5@384"), RESNET)
    places = {view.place for view in shares if view.place}
    assert {place[0] for place in places} == {place[1] for place in places} == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert {view.square for view in shares} == {None}


def test_the_single_view_of_small_pictures() -> None:
    assert list(views(parse("1crop"), CIFAR)) == [View(None, size=32, place=(0.5, 0.5))]


def test_views_that_protocols_share_are_the_same() -> None:
    centre, ten, several = (views(parse(text), RESNET) for text in ("1crop", "10crop", "multi-crop-5x5@256"))
    assert set(centre) < set(ten) < set(several)
    assert set(views(parse("dense@256"), RESNET)) < set(views(parse("dense@256+384"), RESNET))


@pytest.mark.parametrize(
    "text",
    ["", "2crop", "1crop@", "1crop@256+288", "144crop@256", "dense@256/224", "dense@0", "10crop@9999", "10crop/x",
     "1crop:", ":dense", "10crop~", "10crop~log", "crop", "paper", "1crop,10crop"],
)  # fmt: skip
def test_what_is_no_protocol_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"10crop@256/224.*~logits") as refused:
        parse(text)
    assert repr(text) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_several_at_once() -> None:
    found = parse_all("1crop, paper,10crop", ["10crop", "dense@256"])
    assert [str(protocol) for protocol in found] == ["1crop", "10crop", "dense@256"]
    with pytest.raises(UsageError, match="no protocols are known"):
        parse_all("paper")


def test_protocols_are_read_without_torch() -> None:
    code = "import sys, convnets.papers.protocols as p; p.parse('10crop'); print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_every_recipe_names_protocols_that_there_are() -> None:
    found = {text for paper in recipes.paper_recipes().values() for text in paper.recipe.protocols}
    assert {str(parse(text)) for text in found} == found


def test_every_published_result_has_its_protocol() -> None:
    """Only ensembles and what a paper leaves open have none."""
    open_to = ("networks", "with vgg16", "with five", "pictures", "not stated")
    for name in papers.names():
        for result in papers.find(name).results:
            left_open = any(words in result.protocol for words in open_to)
            assert (result.key is None) == left_open, f"{name}: {result.protocol}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("10 crops of 224 from 256, soft-max averaged", "10crop@256/224"),
        ("10 crops of 224 from 256, soft-max averaged, five networks", None),
        ("1 crop, 320", "1crop/320"),
        ("1 crop of 299 out of 342", "1crop@342/299"),
        ("one view, trained with translation and flips", "1crop"),
        ("144 crops", "144crop"),
        ("10 crops, outputs averaged", "10crop~logits"),
        ("dense, S=[256;512], Q=384", "dense@384"),
        ("dense, shorter sides 224, 256, 384, 480, 640 averaged", "dense@224+256+384+480+640"),
        ("multi-crop, S=[256;512], Q=256,384,512", "multi-crop-5x5@256+384+512"),
        ("multi-crop and dense, S=[256;512], Q=256,384,512", "multi-crop-5x5@256+384+512:dense@256+384+512"),
    ],
)
def test_wordings_of_papers(text: str, key: str | None) -> None:
    protocol = printed(text)
    assert (protocol and str(protocol)) == key


@pytest.mark.parametrize(
    ("name", "data", "protocol", "first"),
    [
        ("alexnet", "imagenet val", "10crop@256/224", 40.7),
        ("resnet50", "imagenet val", "1crop@256/224", 24.7),
        ("resnet50", "imagenet val", "10crop@256/224", 22.85),
        ("resnet50", "ImageNet val", "dense@224+256+384+480+640", 20.74),
        ("resnet152", "imagenet val", "1crop@320/320", 21.3),
        ("vgg16", "imagenet val", "multi-crop-5x5@256+384+512:dense@256+384+512", 24.4),
        ("inception_v3", "imagenet val", "144crop", 18.77),
        ("resnet20", "cifar10 test", "1crop/32", 8.75),
        ("resnet50", "imagenet val", "1crop@480/224", None),  # not the usual scale
        ("resnet50", "imagenet val", "1crop@128/112", None),
        ("resnet50", "imagenet val", "10crop@256/224~logits", None),
        ("alexnet", "imagenet test", "10crop@256/224", None),  # only of an ensemble
        ("resnet20", "cifar10 val", "1crop/32", None),
        ("resnet20", "digits test", "1crop/32", None),
    ],
)
def test_the_figure_for_the_same_network_data_and_protocol(
    name: str, data: str, protocol: str, first: float | None
) -> None:
    found = papers.published(name, data, protocol)
    assert (found[0].top1 if found else None) == first
    assert papers.published(name, data, protocol, classes=7) == ()


def test_a_network_s_own_paper_comes_first() -> None:
    sources = [result.source for result in papers.published("resnet50", "imagenet val", "1crop")]
    assert sources[0] == ""
    assert {"senet", "bag_of_tricks"} <= set(sources[1:])

"""The recipe for everybody's own pictures on a laptop: a short one-cycle run, fitted to the data. All ours."""

from __future__ import annotations

from ..spec import SGD, Augment, OneCycle, Preprocess, Recipe

PICTURES_SEEN = 675_000  # 15 epochs of CIFAR-10's 45,000
MOST_EPOCHS = 40
SMALL = 64  # pictures up to this size are cropped from a few more pixels around them, larger ones by area


def quick(pictures: int, size: int | None, side: int, channels: int, normalised: bool) -> Recipe:
    """A recipe for `pictures` training pictures of `size` pixels (None: of all sizes) with `channels` channels.

    `side` is the side of the network's input in pixels. `normalised`: the network has batch normalisation, which
    allows a ten times higher rate.
    """
    small = size is not None and size <= SMALL
    return Recipe(
        name="quick",
        source="ours",
        epochs=max(5, min(MOST_EPOCHS, round(PICTURES_SEEN / max(1, pictures)))),
        batch_size=min(64, max(8, pictures // 10)),
        optimizer=SGD(lr=0.1 if normalised else 0.01, nesterov=True, weight_decay=5e-4, decay_norm_and_bias=False),
        schedule=OneCycle(peak=0.2),
        preprocess=Preprocess(size=side, resize=resized(size, side), channels=channels),
        augment=_augment(small, side, channels),
    )


def resized(size: int | None, side: int) -> int | None:
    """To which shorter side pictures of `size` are resized before `side` is cut out: not at all where they fit."""
    if side == size:
        return None
    return side if size is not None and size <= SMALL else round(side * 256 / 224)


def _augment(small: bool, side: int, channels: int) -> Augment:
    """Grey pictures are mostly writing, which a mirror spoils; photographs gain from crops of many scales."""
    if small:
        return Augment(pad=max(1, side // 8), flip=channels == 3)
    return Augment(area=(0.35, 1.0), flip=channels == 3)

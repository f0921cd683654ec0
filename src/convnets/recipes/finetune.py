"""The recipe for networks that were trained before, on 100 to 100,000 pictures of one's own. All ours."""

from __future__ import annotations

from ..spec import SGD, Augment, Cosine, Preprocess, Recipe, Warmup
from .quick import SMALL, resized

PICTURES_SEEN = 100_000
FEWEST_EPOCHS, MOST_EPOCHS = 5, 40


def finetune(pictures: int, size: int | None, side: int, channels: int, normalised: bool) -> Recipe:
    """A recipe for `pictures` training pictures of `size` pixels (None: of all sizes) with `channels` channels.

    `side` is the side of the network's input in pixels. `normalised`: the network has batch normalisation, which
    allows a ten times higher rate. The new classifier learns ten times as fast as what was trained before.
    """
    small = size is not None and size <= SMALL
    batch = min(64, max(8, pictures // 10))
    return Recipe(
        name="finetune",
        source="ours",
        epochs=max(FEWEST_EPOCHS, min(MOST_EPOCHS, round(PICTURES_SEEN / max(1, pictures)))),
        batch_size=batch,
        optimizer=SGD(
            lr=(0.01 if normalised else 0.001) * batch / 64,
            nesterov=True,
            weight_decay=1e-4,
            decay_norm_and_bias=False,
            head_rate=10,
        ),
        schedule=Cosine(),
        warmup=Warmup(epochs=1, start=0.1),
        preprocess=Preprocess(size=side, resize=resized(size, side), channels=channels),
        augment=_augment(small, side, channels),
        label_smoothing=0.1,
        ema=0.99,
    )


def _augment(small: bool, side: int, channels: int) -> Augment:
    """Mild: what was learnt before is to be kept."""
    if small:
        return Augment(pad=max(1, side // 16), flip=channels == 3)
    return Augment(area=(0.5, 1.0), flip=channels == 3)

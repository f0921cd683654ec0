"""How pictures become a network's input: always (`Preprocess`), and with random changes in training (`Augment`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

RAW = (1 / 255,) * 3  # a deviation that leaves pixels at 0..255, for papers that only take off the mean


@dataclass(frozen=True)
class Preprocess:
    """How a decoded picture becomes the network's input. Stored with the weights, so prediction cannot disagree.

    The picture is resized so that its shorter side is `resize` pixels (`None`: not at all); of that, `centre` keeps the
    middle square; then the middle `size` x `size` is cut out (padded with black where the picture is smaller). Each
    channel is scaled to 0..1, less `mean`, over `std`. An empty `mean` and `std` are filled from the training pictures.

    `subtract` "pixel" takes off the training pictures' mean image instead of the mean colour. `contrast`: global
    contrast normalisation, each picture less its own mean and scaled to this norm. `whiten`: then ZCA whitening, with
    this much added to the eigenvalues. Both are of whole pictures, before the crop, and take the place of mean and std.
    """

    size: int = 224
    resize: int | None = 256
    channels: int = 3
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    centre: int | None = None
    subtract: Literal["channel", "pixel"] = "channel"
    contrast: float = 0.0
    whiten: float = 0.0
    interpolation: Literal["bilinear", "bicubic", "area"] = "bilinear"


@dataclass(frozen=True)
class Colour:
    """Photometric distortion, in a random order of its parts; pixels stay within black and white.

    `brightness`, `contrast` and `saturation` are multiplied by a factor from 1 - x to 1 + x, `hue` is turned by up to
    that share of the circle either way, and up to `shift` grey levels are added or taken off.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    shift: float = 0.0


@dataclass(frozen=True)
class Affine:
    """Up to so many degrees of rotation and shear, share of the side of translation, and zoom by 1 - x to 1 + x."""

    rotate: float = 0.0
    shear: float = 0.0
    translate: float = 0.0
    zoom: float = 0.0


@dataclass(frozen=True)
class Pairing:
    """SamplePairing: a picture is averaged with another one, whose label is ignored.

    From epoch `begin` to `end` it is on for `on` epochs and off for `off`, in turns; `end` 0 is never on.
    """

    begin: float = 0.0
    end: float = 0.0
    on: float = 8.0
    off: float = 2.0


Policy = Literal[
    "none", "autoaugment-imagenet", "autoaugment-cifar10", "autoaugment-svhn", "randaugment", "trivialaugment"
]


@dataclass(frozen=True)
class Augment:
    """Random changes of a training picture, each drawn from (seed, epoch, sample) alone.

    Where the crop is cut: `pad` pixels are added on every side before a random crop of the input size, zeros or a
    reflection (`pad_mode`). `scale`: the shorter side is drawn from this range instead of `preprocess.resize`.
    `area` and `aspect`: a crop of that share of the picture's area and that width over height, resized to the input
    size, by a filter drawn from all (`any_filter`). `ten`: the crop is one of the four corners or the centre, which
    with `flip` is one of AlexNet's ten. `flip`: mirrored left to right with probability one half.

    What it looks like: `policy` by torchvision, `affine`, `colour`, then `lighting`: PCA noise whose coefficients have
    this deviation. `noise` adds Gaussian noise of so many grey levels. `erase` is the probability of random erasing,
    `cutout` the side of a square set to the mean. `mixup` and `cutmix` are the alpha of their beta distribution (with
    both, each picture takes one of them), `pairing` is SamplePairing.

    `decode` "reduced" is quicker, and changes pixels a little: a JPEG file is decoded at 1/2, 1/4 or 1/8 of its size
    where what is then resized still has as many pixels as it needs, and resized in coarser arithmetic.
    """

    pad: int = 0
    pad_mode: Literal["zero", "reflect"] = "zero"
    scale: tuple[int, int] | None = None
    area: tuple[float, float] | None = None
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    any_filter: bool = False
    ten: bool = False
    flip: bool = False
    policy: Policy = "none"
    affine: Affine = field(default_factory=Affine)
    colour: Colour = field(default_factory=Colour)
    lighting: float = 0.0
    noise: float = 0.0
    erase: float = 0.0
    cutout: int = 0
    mixup: float = 0.0
    cutmix: float = 0.0
    pairing: Pairing = field(default_factory=Pairing)
    decode: Literal["exact", "reduced"] = "exact"

"""Pictures: where they come from, how they are decoded and augmented, and how they become batches."""

from .augment import prepare
from .decode import decode, read_picture
from .finish import Finish, Mixed
from .loader import Batch, Loader, normalise
from .measuring import channel_statistics, measure
from .pictures import Pictures, Source, Split
from .scan import check
from .sources import open_source
from .statistics import NO_STATISTICS, Statistics

__all__ = [
    "NO_STATISTICS",
    "Batch",
    "Finish",
    "Loader",
    "Mixed",
    "Pictures",
    "Source",
    "Split",
    "Statistics",
    "channel_statistics",
    "check",
    "decode",
    "measure",
    "normalise",
    "open_source",
    "prepare",
    "read_picture",
]

"""Pictures: where they come from, how they are decoded and augmented, and how they become batches."""

from .augment import prepare
from .decode import decode, read_picture
from .loader import Batch, Loader, channel_statistics, normalise
from .pictures import Pictures, Source, Split
from .scan import check
from .sources import open_source

__all__ = [
    "Batch",
    "Loader",
    "Pictures",
    "Source",
    "Split",
    "channel_statistics",
    "check",
    "decode",
    "normalise",
    "open_source",
    "prepare",
    "read_picture",
]

"""nin: what the paper prints. To be filled."""

from .record import Entry

NETWORKS: dict[str, Entry] = {}

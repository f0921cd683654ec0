"""bag_of_tricks: what the paper prints. To be filled."""

from .record import Entry

NETWORKS: dict[str, Entry] = {}

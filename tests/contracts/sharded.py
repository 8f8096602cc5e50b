"""What workers of a cluster are told in a test of fits by shards."""

from restock.dataset import interactions


def shrink(lines: int) -> None:
    """Let a shard have so many lines in this process, so that small data has several."""
    interactions.SHARD_LINES = lines

"""A pytest plugin: ``--hypothesis-seed`` counts for tests with ``derandomize=True`` too.

Without it such tests, and all tests where ``CI`` is set, try the same examples with every seed.
"""

from collections.abc import Sequence

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Give each property the seed itself, which goes before its own settings."""
    from hypothesis import is_hypothesis_test, seed

    chosen = config.getoption("--hypothesis-seed")
    for item in items if chosen is not None else ():
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.function):
            seed(int(chosen))(item.function)

"""What a search tries by name before it draws: defaults, plans in service, what was best."""

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from restock.models import Candidate
from restock.models.slate import FIRST_INCUMBENT
from restock.tuning.brief import Brief
from restock.tuning.portfolio import own_version
from restock.tuning.space import study_space
from restock.tuning.spending import default
from restock.tuning.trials import ALL, Origin, StudyKey


class Named(NamedTuple):
    """A candidate that is tried in a place, and why."""

    where: str
    candidate: Candidate
    origin: Origin


def on_all(brief: Brief) -> list[Named]:
    """What is tried on all markets together: every family's default first."""
    families = [StudyKey(where=ALL, family=family) for family in brief.families]
    return [
        *(Named(ALL, default(key), "default") for key in families),
        *(Named(ALL, candidate, "service") for candidate in services(brief, pooled=True)),
        *(Named(ALL, candidate, "warm") for candidate in _warm(brief, ALL)),
    ]


def in_market(brief: Brief, market: str, best: Sequence[Candidate]) -> list[Named]:
    """What is tried in a market alone; in a large one also the defaults of what can be tuned.

    best: its own versions of what is best over all markets, the best first.
    """
    there = services(brief, pooled=False, market=market)
    keys = tuned(brief, market) if market in brief.large else []
    return [
        # the yardstick is left out: its lift is known to be 0
        *(Named(market, one, "service") for one in there if one != FIRST_INCUMBENT),
        *(Named(market, candidate, "warm") for candidate in best),
        *(Named(market, candidate, "warm") for candidate in _warm(brief, market)),
        *(Named(market, default(key), "default") for key in keys),
    ]


def in_markets(
    brief: Brief, best: Sequence[Candidate], cheap: Callable[[Candidate, str], bool]
) -> tuple[list[Named], list[Named]]:
    """What is tried in large markets alone, and in small ones, by turns, the largest first.

    best: what is best over all markets. cheap: whether a small market may try a candidate.
    """
    own = [own_version(candidate) for candidate in best]
    large, small = [], []
    for market in sorted(brief.markets, key=lambda code: (-brief.sizes[code].customers, code)):
        if market in brief.large:
            large.append(in_market(brief, market, own))
        else:
            small.append(in_market(brief, market, [one for one in own if cheap(one, market)]))
    return by_turns(large), by_turns(small)


def tuned(brief: Brief, where: str) -> list[StudyKey]:
    """The studies of a place that have something to tune."""
    keys = [StudyKey(where=where, family=family) for family in brief.families]
    return [key for key in keys if study_space(key)]


def by_turns(lists: Iterable[Sequence[Named]]) -> list[Named]:
    """The first of every list, then the second of every list, and so on."""
    return [one for turn in zip_longest(*lists) for one in turn if one is not None]


def services(brief: Brief, *, pooled: bool, market: str = "") -> list[Candidate]:
    """Plans in service of a scope, in a market or, without one, anywhere; each once."""
    plans = brief.service
    wanted = [plans[market]] if market and market in plans else list(plans.values())
    return list({one.key: one for one in wanted if one.pooled == pooled}.values())


def _warm(brief: Brief, where: str) -> list[Candidate]:
    return [one for one in brief.warm.get(where, ()) if one.name in brief.families]

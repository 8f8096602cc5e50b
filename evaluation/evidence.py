"""What a decision was taken on, as a token; and when a plan that was rolled back may return.

A token is ``YYYY-MM-DD:digest``: the first day that had not been seen, and what had. A plan
that was barred with a token is judged again only on windows that start on or after that day,
so whatever spoke for it before the roll-back never speaks again: it waits for a whole window
of new test days, and then has to win on new ones alone.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence

from restock.evaluation.scorecard import Scorecard

DIGEST_LENGTH = 16


def evidence_token(scorecards: Sequence[Scorecard]) -> str:
    """The token of a set of scorecards: the end of the newest window and a digest of all."""
    end = max((card.end for card in scorecards), default=dt.date.min)
    hashes = "\n".join(sorted(card.fold_hash for card in scorecards))
    return f"{end.isoformat()}:{hashlib.sha256(hashes.encode()).hexdigest()[:DIGEST_LENGTH]}"


def bar_token(day: dt.date) -> str:
    """The token that bars a plan on everything seen before ``day``, the day of a roll-back."""
    return f"{day.isoformat()}:barred"


def seen_until(token: str) -> dt.date | None:
    """The first day not seen in a token; None where the token does not say (then never)."""
    try:
        return dt.date.fromisoformat(token[:10])
    except ValueError:
        return None


def unseen(scorecards: Sequence[Scorecard], token: str) -> list[Scorecard]:
    """The scorecards whose windows lie wholly after what a token had seen."""
    until = seen_until(token)
    return [] if until is None else [card for card in scorecards if card.cutoff >= until]

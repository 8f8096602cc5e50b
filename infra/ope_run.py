"""From what was typed to a kept result: settings, orders, log, answers."""

from pathlib import Path
from typing import Any

from restock.dataset.eligibility import read_eligibility
from restock.infra.feed import take_in
from restock.infra.markets import load_markets
from restock.infra.ope_answering import answer
from restock.infra.ope_question import BadQuestion, Question, find_log
from restock.infra.ope_result import OpeResult, put_result
from restock.infra.settings import Settings
from restock.infra.snapshots import open_snapshot
from restock.infra.store import Store


def run(
    store: Store,
    settings: Settings,
    question: Question,
    exposures: str | None,
    orders: str | None,
    reading: dict[str, Any],
    eligibility: str | None = None,
) -> OpeResult:
    """Answer a question and keep the result in the store.

    exposures, orders: files; None takes the exposures in the store, and the bundled orders.
    eligibility: path of a table (market, item_id), or (market, item_id, day).
    BadExposures, BadOrders or BadQuestion for what cannot be answered from.
    """
    log = find_log(store, exposures, question)
    declared = load_markets(settings)
    feed = take_in(store, declared, orders, None, None, None, reading)
    interactions = open_snapshot(feed.ingested.snapshot, settings)
    try:
        eligible = None if eligibility is None else read_eligibility(Path(eligibility), days=True)
    except ValueError as error:
        raise BadQuestion(str(error)) from error
    result = answer(question, log, interactions, declared, eligible)
    put_result(store, result)
    return result

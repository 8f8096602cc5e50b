"""Answering an alert: one retraining, one search, one page, or a note."""

from prefect import flow

from restock.monitoring.response import Answer
from restock.tasks import respond as tasks


@flow(name="respond", flow_run_name="respond to {alert}", persist_result=False)
def respond(alert: str) -> Answer:
    """Answer an alert, once, however often and by however many it is asked.

    alert: its id, as in FR-2011-11-30-price-shock. The automation ``restock-drift`` asks.
    """
    found, answered = tasks.claim(alert)
    if not answered.done:
        if answered.answer.action == "page":
            tasks.page(found, answered)
        elif answered.answer.action != "note":
            tasks.start(found, answered)
        tasks.finish(found)
    return answered.answer

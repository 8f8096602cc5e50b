"""Telling people: an artifact in Prefect, and whatever notification blocks are set up."""

import logging
from typing import Any

from restock.infra.alerts import Alert
from restock.infra.settings import Settings
from restock.monitoring.response import Answer

logger = logging.getLogger(__name__)


def page(alert: Alert, answer: Answer, settings: Settings) -> None:
    """Write the page where Prefect shows it, and hand it to every block of ``alerts.blocks``.

    A block that fails does not keep the others from being told.
    """
    from prefect.artifacts import create_markdown_artifact

    subject = f"restock: {alert.cause} in {alert.market}"
    text = f"{alert.evidence}\n\n{answer.why}. Alert {alert.id}."
    if alert.report:
        text += f"\n\n{alert.report}"
    create_markdown_artifact(
        key=f"page-{alert.market.lower()}", markdown=f"# {subject}\n\n{text}", description=subject
    )
    logger.error("%s: %s", subject, alert.evidence)
    for name in settings.alerts.blocks:
        try:
            _notify(name, subject, text)
        except Exception:
            logger.exception("the block %s did not take the page of %s", name, alert.id)


def _notify(name: str, subject: str, text: str) -> None:
    from prefect.blocks.abstract import NotificationBlock
    from prefect.blocks.core import Block

    block: Any = Block.load(name)
    if not isinstance(block, NotificationBlock):
        raise TypeError(f"{name} is no notification block")
    notify: Any = block.notify
    notify(body=text, subject=subject)

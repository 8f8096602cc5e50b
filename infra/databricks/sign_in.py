"""Whose workspace, and who we are: by Databricks' own settings. Told soon if nobody answers."""

import logging
import os
from typing import TYPE_CHECKING

from restock.infra.cloud_jobs import JobRefused

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

ANSWER_SECONDS = 10  # for a workspace to answer at all


class DatabricksRefused(JobRefused):
    """Databricks does not do that for us, however often it is asked."""


def sign_in() -> "WorkspaceClient":
    """The workspace of the environment, of a profile or of the Azure identity.

    Raises DatabricksRefused when none is configured, or when it does not answer.
    """
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.config import Config

    # what it warns of is its own search for an identity; what matters is raised
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    named = os.environ.get("DATABRICKS_HOST")
    if named:
        check_answers(named)
    try:
        config = Config(
            product="restock",
            product_version="0",
            http_timeout_seconds=ANSWER_SECONDS,
            retry_timeout_seconds=ANSWER_SECONDS,
        )
    except ValueError as error:
        raise DatabricksRefused(
            "no Databricks workspace is configured: set DATABRICKS_HOST, and sign in "
            f"(DATABRICKS_TOKEN, a profile, or the Azure identity) ({error})"
        ) from error
    if not named:
        check_answers(config.host)
    # it is there: a run may be asked for with the SDK's own patience, five minutes
    config.http_timeout_seconds, config.retry_timeout_seconds = 60, 300
    return WorkspaceClient(config=config)


def check_answers(host: str) -> None:
    """DatabricksRefused when nothing answers there; what it answers does not matter.

    The SDK would ask for minutes, in silence.
    """
    import requests  # the SDK's own client

    address = host if "://" in host else f"https://{host}"
    try:
        requests.get(address, timeout=ANSWER_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        cause = getattr(error.args[0], "reason", error) if error.args else error
        raise DatabricksRefused(
            f"{address} does not answer: is DATABRICKS_HOST right? ({cause})"
        ) from error

"""The cluster that a job brings with it: our image, and secrets by reference."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from restock.infra.connections import DatabricksSettings
from restock.infra.databricks.sign_in import DatabricksRefused

if TYPE_CHECKING:
    from databricks.sdk.service import compute


class NoImage(DatabricksRefused):
    """A new cluster needs an image, and the settings name none."""


def new_cluster(
    settings: DatabricksSettings, secrets: Iterable[str], nodes: int = 1
) -> "compute.ClusterSpec":
    """A cluster for one job, which ends with it.

    secrets: variables whose values Databricks takes from the scope when the cluster starts.
    nodes: one is driver and executor alike; of several, one is the driver. Raises NoImage.
    """
    from databricks.sdk.service import compute

    if settings.image is None:
        raise NoImage(
            "a Databricks cluster needs an image with restock in it: set RESTOCK_DATABRICKS__IMAGE "
            "to that of the target databricks, or RESTOCK_DATABRICKS__CLUSTER to one that has it"
        )
    single = nodes == 1
    return compute.ClusterSpec(
        spark_version=settings.spark_version,
        node_type_id=settings.node_type,
        num_workers=nodes - 1,
        spark_conf={"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"}
        if single
        else None,
        custom_tags={"ResourceClass": "SingleNode"} if single else None,
        policy_id=settings.policy,
        # images of one's own are refused on clusters that users share
        data_security_mode=compute.DataSecurityMode.SINGLE_USER,
        docker_image=_image(settings),
        spark_env_vars={name: reference(settings, name) for name in sorted(secrets)},
    )


def reference(settings: DatabricksSettings, name: str) -> str:
    """What stands for a secret in the definition of a cluster."""
    return f"{{{{secrets/{settings.secret_scope}/{name}}}}}"


def _image(settings: DatabricksSettings) -> "compute.DockerImage":
    from databricks.sdk.service import compute

    login = None
    if settings.private_image:
        login = compute.DockerBasicAuth(
            username=reference(settings, "DOCKER_USER"),
            password=reference(settings, "DOCKER_PASSWORD"),
        )
    return compute.DockerImage(url=settings.image, basic_auth=login)

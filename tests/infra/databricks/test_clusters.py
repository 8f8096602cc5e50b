"""What a new cluster is: one or several nodes, our image, secrets by reference."""

import pytest

from restock.infra.connections import DatabricksSettings
from restock.infra.databricks.clusters import new_cluster
from restock.infra.settings import SettingsError, load_settings

pytestmark = pytest.mark.unit
SETTINGS = DatabricksSettings(image="registry/restock:1", policy="ABC123", secret_scope="prod")


def test_one_node_is_driver_and_executor_and_several_are_not() -> None:
    one, three = (new_cluster(SETTINGS, ["A_KEY"], nodes).as_dict() for nodes in (1, 3))
    assert (one["num_workers"], three["num_workers"]) == (0, 2)
    assert one["custom_tags"] == {"ResourceClass": "SingleNode"}
    assert "spark_conf" not in three and "custom_tags" not in three
    for cluster in (one, three):
        assert cluster["spark_env_vars"] == {"A_KEY": "{{secrets/prod/A_KEY}}"}
        assert cluster["data_security_mode"] == "SINGLE_USER"
        assert cluster["policy_id"] == "ABC123"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"secrets": ["my-key"]}, "'my-key' is no variable"),
        ({"secret_scope": "a/b"}, "'a/b' is no scope"),
        (
            {"nod_type": "x"},
            "unknown setting databricks.nod_type; did you mean .*node_type",
        ),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(databricks=wrong)

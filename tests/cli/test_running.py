"""What a command gets from its flow: the record, whether or not all markets succeeded."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Completed, Failed

from restock.cli import output
from restock.cli.running import run
from restock.infra import prefect_env
from restock.infra.incomplete import Incomplete

pytestmark = pytest.mark.unit

RECORD = SimpleNamespace(markets=("DE", "FR"), failed={"DE": "no luck"})


@pytest.fixture
def comes_to(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a flow that ends in this state, without a server."""

    @contextmanager
    def connect(_: Any) -> Any:
        yield SimpleNamespace(wait=lambda: None)

    monkeypatch.setattr(prefect_env, "connect", connect)
    monkeypatch.setenv("RESTOCK_RUNNER", "threads")

    def comes_to(state: Any) -> Any:
        def flow(**_: Any) -> Any:
            return state

        return run(SimpleNamespace(runner="threads", debug=None), lambda: flow, {})  # type: ignore[arg-type]

    return comes_to


def test_a_flow_that_ends_well_gives_its_result(comes_to: Any) -> None:
    assert comes_to(Completed(data=RECORD)) is RECORD


def test_a_flow_whose_markets_failed_in_part_gives_its_record_too(comes_to: Any) -> None:
    error = Incomplete(RECORD)  # type: ignore[arg-type]
    assert str(error) == "1 of 2 markets failed: DE: no luck"
    assert comes_to(Failed(data=error)) is RECORD


def test_input_that_a_flow_refuses_is_bad_usage_and_the_rest_is_raised(comes_to: Any) -> None:
    with pytest.raises(output.BadUsage, match="no such market"):
        comes_to(Failed(data=ValueError("no such market")))
    with pytest.raises(RuntimeError, match="out of luck"):
        comes_to(Failed(data=RuntimeError("out of luck")))

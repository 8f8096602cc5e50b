"""What ``restock retrain`` prints of a night."""

import datetime as dt

import pytest

from restock.cli.retrain import _show
from restock.infra.night import MarketOutcome, Night
from restock.infra.settings import load_settings

pytestmark = pytest.mark.unit


def test_addresses_and_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    report = "azure://acme/restock/reports/night[/b]/report.html"
    market = MarketOutcome(
        market="FR", name="France [south]", state="held", reason="[/b] of lists changed"
    )
    night = Night(
        as_of=dt.date(2011, 12, 10),
        token="2011-12-10-abc",
        snapshot="0" * 64,
        orders_read=10,
        orders_kept=8,
        set_aside={},
        markets=(market,),
        report=report,
    )
    _show(night, load_settings())
    said = capsys.readouterr().out
    assert f"Report: {report}\n" in said and "[/b] of lists changed" in said

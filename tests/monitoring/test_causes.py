"""From moves to a cause, and from a cause to what is done."""

import datetime as dt

import pytest

from restock.monitoring.causes import ACTIONS, name_cause
from restock.monitoring.judging import Move
from restock.monitoring.planned import EXPLAINS, Planned, explained
from restock.monitoring.statistics import STATISTICS
from restock.monitoring.wording import of_fault, of_move

pytestmark = pytest.mark.unit


def move(name: str, *, p: float = 1e-4, seasonal: bool = False, width: int = 7) -> Move:
    (statistic,) = [one for one in STATISTICS if one.name == name]
    return Move(statistic, width, 1.0, 0.0, 0.5, 6.0, p, seasonal, 26)


def named(*moved: Move) -> str | None:
    place = {one.name: at for at, one in enumerate(STATISTICS)}
    found = name_cause(sorted(moved, key=lambda one: place[one.statistic.name]))
    return found[0] if found else None


def test_what_explains_more_comes_first() -> None:
    mix, value = move("item_js"), move("order_value")
    assert named(mix, value) == "behaviour"
    assert named(mix, move("new_customers")) == "new customers"
    assert named(mix, move("new_customers"), move("new_item_rate")) == "new assortment"
    assert named(mix, move("lost_item_rate"), move("new_item_rate")) == "lost supplier"
    assert named(value, move("price_net"), move("lost_item_rate")) == "price shock"


def test_what_a_retraining_does_not_answer_names_nothing() -> None:
    assert named(move("volume"), move("weekday_js"), move("assortment")) is None
    assert named() is None


def test_the_season_is_named_only_when_nothing_else_moved() -> None:
    assert named(move("lost_item_rate", seasonal=True)) == "season"
    assert named(move("lost_item_rate", seasonal=True), move("item_js")) == "behaviour"
    both = move("item_js", seasonal=True), move("item_js", width=28)
    assert named(*both) == "season"


def test_the_surest_sign_of_a_cause_is_shown() -> None:
    signs = [move("price_level", p=0.02), move("price_net", p=1e-6)]
    found = name_cause(signs)
    assert found is not None and found[1].statistic.name == "price_net"


def test_a_broken_feed_is_paged_and_never_learned_from() -> None:
    assert ACTIONS["broken feed"] == "page" and ACTIONS["season"] == "note"
    causes = {one.cause for one in STATISTICS if one.cause}
    assert all(ACTIONS[cause] == "retrain" for cause in causes)
    assert not any("broken feed" in causes for causes in EXPLAINS.values())


def test_a_plan_holds_from_its_first_to_its_last_day() -> None:
    first, last = dt.date(2024, 11, 1), dt.date(2024, 11, 30)
    plan = Planned(what="assortment", first=first, last=last)

    def holds(begin: dt.date, end: dt.date) -> bool:
        return explained("new assortment", begin, end, [plan]) is plan

    assert holds(last, last + dt.timedelta(days=7))
    assert not holds(last + dt.timedelta(days=1), last + dt.timedelta(days=8))
    assert holds(first - dt.timedelta(days=6), first + dt.timedelta(days=1))
    assert not holds(first - dt.timedelta(days=7), first)  # the end is not in the window
    assert explained("price shock", first, last, [plan]) is None
    with pytest.raises(ValueError, match="ends"):
        Planned(what="prices", first=last, last=first)


def test_every_statistic_and_every_fault_has_its_words() -> None:
    for one in STATISTICS:
        text = of_move(move(one.name), "toys", None)
        assert "usually" in text and "over 7 days, against 26 windows" in text
        assert "chance without drift below 0.001" in text and "{" not in text
    assert "Prices of toys" in of_move(move("range_prices"), "toys")
    day = dt.date(2024, 3, 4)
    for fault in ("prices", "quantities", "doubled", "repeated", "quarantined", "orders"):
        assert of_fault(fault, 0.7, [day]).startswith("On 2024-03-04, ")
    run = of_fault("orders", 0.25, [day, dt.date(2024, 3, 6)])
    assert run.startswith("From 2024-03-04 to 2024-03-06, only 25% of the orders")

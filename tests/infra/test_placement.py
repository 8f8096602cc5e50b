"""Families go to workers that offer what they need; what nobody offers is said, not awaited."""

import pytest

from restock.infra import placement
from restock.infra.java import Java
from restock.infra.placement import Offers, place, with_usable_java

pytestmark = pytest.mark.unit

PLAIN = Offers(slots={"CPU": 2})
ALL_THREE = Offers(slots={"CPU": 1, "GPU": 1, "SPARK": 1}, asked=True)


def test_networks_go_to_a_gpu_where_there_is_one_and_are_noted_where_there_is_none() -> None:
    families = ["sar", "als", "wide_deep"]
    there = place(families, {}, ALL_THREE)
    assert there.where == {"sar": "CPU", "als": "CPU", "wide_deep": "GPU"} and not there.notes
    here = place(families, {}, PLAIN)
    assert here.where == dict.fromkeys(families, "CPU")
    assert here.notes == ("wide_deep is trained on CPUs: no worker offers a GPU",)
    assert not here.skipped


def test_what_somebody_asked_for_is_done_or_skipped_with_the_remedy() -> None:
    assert place(["als"], {"als": "SPARK"}, ALL_THREE).of("als") == "SPARK"
    none = place(["als", "gru", "sar"], {"als": "SPARK", "gru": "GPU"}, PLAIN)
    assert none.where == {"sar": "CPU"}
    assert "restock workers --offers SPARK" in none.skipped["als"]
    assert "no worker offers GPU" in none.skipped["gru"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"sar": "SPARK"}, "sar is not fitted on Spark: only als can be"),
        ({"sar": "GPU"}, "sar has no use for a GPU"),
        ({"sar": "TPU"}, "there is no resource 'TPU': use CPU, GPU, SPARK"),
        ({"asl": "SPARK"}, "did you mean 'als'"),
    ],
)
def test_a_placement_that_cannot_be_is_an_error(wanted: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        place(["sar", "als"], wanted, ALL_THREE)  # type: ignore[arg-type]


def test_workers_that_say_nothing_run_cpu_work_and_the_others_only_what_they_offer() -> None:
    silent = placement._offers([(4, {}), (2, {})])
    assert silent.slots == {"CPU": 6} and silent.needs("CPU") == {}
    mixed = placement._offers([(4, {"CPU": 4}), (4, {"GPU": 1}), (1, {"CPU": 1, "SPARK": 1})])
    assert mixed.slots == {"CPU": 5, "GPU": 1, "SPARK": 1}
    assert mixed.needs("CPU") == {"CPU": 1} and mixed.needs("GPU") == {"GPU": 1}
    only_gpu = placement._offers([(2, {"GPU": 1})])
    assert only_gpu.slots == {"CPU": 2, "GPU": 1} and not only_gpu.asked
    assert placement._offers([]).slots == {}


def test_a_java_that_cannot_run_spark_is_no_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "look_for_java", lambda: Java(False, "openjdk 11"))
    offers = with_usable_java(ALL_THREE)
    assert offers.slots == {"CPU": 1, "GPU": 1} and offers.asked
    assert "openjdk 11" in place(["als"], {"als": "SPARK"}, offers).skipped["als"]
    monkeypatch.setattr(placement, "look_for_java", lambda: Java(True, "openjdk 17"))
    assert with_usable_java(ALL_THREE) == ALL_THREE


def test_a_family_that_is_left_out_is_not_said_to_be_trained_anywhere() -> None:
    placed = place(["gru", "wide_deep"], {}, Offers(slots={"CPU": 1})).without({"gru": "no torch"})
    assert placed.skipped == {"gru": "no torch"}
    assert [note.split()[0] for note in placed.notes] == ["wide_deep"]


def test_our_own_workers_offer_a_card_each_and_spark_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "cards", lambda: 2)
    monkeypatch.setattr(placement, "find_spec", lambda name: object())
    monkeypatch.setenv("JAVA_HOME", "/opt/java")
    assert placement.own_offers(3) == [
        {"CPU": 1, "GPU": 1, "SPARK": 1},
        {"CPU": 1, "GPU": 1},
        {"CPU": 1},
    ]
    assert placement.this_process(4).slots == {"CPU": 4, "GPU": 1, "SPARK": 1}
    monkeypatch.setattr(placement, "find_spec", lambda name: None)
    monkeypatch.setattr(placement, "cards", lambda: 0)
    assert placement.own_offers(2) == [{"CPU": 1}, {"CPU": 1}]

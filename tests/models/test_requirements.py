"""A fit that cannot run here says so before it starts, with the remedy."""

import numpy as np
import pytest
from contracts.orders import many

from restock.models import CannotFit, FitContext, create
from restock.models.reorder import Reorder
from restock.models.requirements import check_device

pytestmark = pytest.mark.unit


def test_too_little_memory_is_told_before_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reorder, "memory_bytes", lambda self, interactions: 1 << 60)
    monkeypatch.setattr(Reorder, "_fit", lambda *_: pytest.fail("the fit began"))
    for model in (create("reorder"), create("blend")):
        with pytest.raises(CannotFit, match=r"needs about [0-9.]+ GB.*use a larger machine"):
            model.fit(many())


def test_a_missing_extra_of_a_member_is_told_by_the_hybrid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reorder, "extras", {"no_such_module": "spark"})
    with pytest.raises(ImportError, match=r"reorder needs more: pip install 'restock\[spark\]'"):
        create("blend").fit(many())


def test_a_card_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CannotFit, match=r"device 'cuda'.*use FitContext\(device='cpu'\)"):
        check_device("wide_deep", "cuda")
    with pytest.raises(ValueError, match="not 'tpu'"):
        check_device("wide_deep", "tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    check_device("wide_deep", "cuda:0")
    with pytest.raises(CannotFit, match=r"'cuda:7'.*the last one is cuda:0"):
        check_device("wide_deep", "cuda:7")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(Reorder, "compute", "gpu")
    with pytest.raises(CannotFit, match="reorder"):
        create("reorder").fit(many(), FitContext(device="cuda:0"))


def test_a_fit_says_what_it_holds() -> None:
    train = many()
    assert create("blend").memory_bytes(train) > create("reorder").memory_bytes(train) > 0
    assert np.isfinite(create("blend").memory_bytes(train))

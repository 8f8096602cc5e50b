"""The benchmark for cards runs on a CPU too, and says so where there is no card."""

import sys

import pytest
import torch

from restock.benchmarks import gpu


@pytest.mark.unit
def test_without_a_card_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit) as exit:
        gpu.main()
    assert exit.value.code == 2
    assert "--device cpu --lines 200k" in capsys.readouterr().err


@pytest.mark.unit
def test_numbers_may_be_short() -> None:
    assert [gpu.number(text) for text in ("200k", "30m", "1.5M", "7")] == [
        200_000,
        30_000_000,
        1_500_000,
        7,
    ]


@pytest.mark.platform
def test_the_same_path_runs_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "MODELS", ("wide_deep",))
    monkeypatch.setattr(gpu, "LARGE", 1024)
    found = {figure.figure: figure.value for figure in gpu.figures("cpu", 10_000)}
    assert found["wide_deep.parity"] == 0
    for figure in ("rows_per_s", "bandwidth_share", "compute_share", "fit_seconds"):
        assert found[f"wide_deep.{figure}"] > 0


@pytest.mark.platform
def test_what_a_fit_moves_and_computes_is_counted_not_timed() -> None:
    small = gpu.world(10_000)
    moved, worked, rows = gpu.counted("wide_deep", small, "cpu")
    assert (moved, worked, rows) == gpu.counted("wide_deep", small, "cpu")
    # a row goes through two small layers, forwards and back, with its negatives
    assert 1e3 < worked / rows < 1e7
    assert 10 < moved / rows < 1e7

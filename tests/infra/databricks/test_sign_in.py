"""A workspace that does not answer is told by its name, and soon; what we lack, before that."""

import socket
from pathlib import Path

import pytest

from restock.infra.databricks import sign_in
from restock.infra.databricks.jobs import DatabricksRefused, databricks_jobs
from restock.infra.settings import load_settings

IMAGE = {"image": "registry/restock:1"}


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a port on loopback where nobody listens."""
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "profiles"))
    monkeypatch.setattr(sign_in, "ANSWER_SECONDS", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.unit
@pytest.mark.parametrize("token", [None, "a-token"])
def test_a_host_that_does_not_answer_is_named(
    closed: str, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", closed)
    if token:
        monkeypatch.setenv("DATABRICKS_TOKEN", token)
    with pytest.raises(DatabricksRefused) as refused:
        databricks_jobs(load_settings(databricks=IMAGE))
    assert str(refused.value).startswith(f"{closed} does not answer: is DATABRICKS_HOST right? (")
    assert "refused" in str(refused.value)


@pytest.mark.platform
def test_the_host_of_a_profile_is_named_and_nothing_else_is_said(
    closed: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "profiles").write_text(f"[DEFAULT]\nhost = {closed}\ntoken = a-token\n")
    with pytest.raises(DatabricksRefused, match=f"^{closed} does not answer"):
        databricks_jobs(load_settings(databricks=IMAGE))
    assert not [one for one in caplog.records if one.name.startswith("databricks")]


@pytest.mark.unit
def test_an_image_that_is_missing_is_told_before_anybody_is_asked(
    closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", closed)
    with pytest.raises(DatabricksRefused, match="set RESTOCK_DATABRICKS__IMAGE"):
        databricks_jobs(load_settings())
    with pytest.raises(DatabricksRefused, match="does not answer"):  # it has an image
        databricks_jobs(load_settings(databricks={"cluster": "0923-164208-meows279"}))

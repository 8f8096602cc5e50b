"""Settings: where they come from, what is refused, what is never shown."""

import logging
import os
from pathlib import Path

import pytest

from restock.infra.settings import Settings, SettingsError, known_keys, load_settings
from restock.kernels import policy

pytestmark = pytest.mark.unit

SECRETS = {
    "RESTOCK_PREFECT__API_KEY": "pnu_hush",
    "RESTOCK_MLFLOW__TOKEN": "mlflow-hush",
    "RESTOCK_AZURE__ACCOUNT_KEY": "azure-hush",
}


def test_without_any_setting_everything_is_under_one_home(home: Path) -> None:
    settings = load_settings()
    assert settings.home == home / ".restock"
    assert settings.storage == str(home / ".restock" / "store")
    assert settings.cache == home / ".restock" / "cache"
    assert settings.tracking_uri == f"sqlite:///{home}/.restock/mlflow.db"
    assert (settings.runner, settings.cores, settings.prefect.api_url) == ("dask", None, None)
    assert not list(home.iterdir())


def test_the_home_moves_what_is_in_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOCK_HOME", "elsewhere")
    settings = load_settings()
    assert settings.storage == str(home / "elsewhere" / "store")
    assert settings.cache == home / "elsewhere" / "cache"
    assert load_settings(storage="other").storage == str(home / "other")


def test_arguments_then_the_environment_then_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "restock.toml").write_text(
        'runner = "threads"\ncores = 3\nstorage = "azure://acme/box"\n'
        '[prefect]\napi_url = "https://file/api"\n[mlflow]\ntracking_uri = "https://file"\n'
    )
    monkeypatch.setenv("RESTOCK_CORES", "2")
    monkeypatch.setenv("RESTOCK_PREFECT__API_URL", "https://environment/api")
    settings = load_settings(runner="dask://scheduler:8786")
    assert (settings.runner, settings.cores) == ("dask://scheduler:8786", 2)
    assert settings.prefect.api_url == "https://environment/api"
    assert settings.tracking_uri == "https://file"
    assert settings.storage == "azure://acme/box"
    assert load_settings(runner=None).runner == "threads"


def test_one_file_can_be_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "restock.toml").write_text("cores = 1")
    (home / "other.toml").write_text("cores = 5")
    monkeypatch.setenv("RESTOCK_CONFIG", "other.toml")
    assert load_settings().cores == 5
    monkeypatch.setenv("RESTOCK_CONFIG", "gone.toml")
    with pytest.raises(SettingsError, match=r"RESTOCK_CONFIG names gone\.toml: no such file"):
        load_settings()


def test_an_empty_variable_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOCK_STORAGE", "")
    monkeypatch.setenv("RESTOCK_CORES", "")
    assert load_settings().storage == str(home / ".restock" / "store")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("core = 2", r"unknown setting core; did you mean cores \(RESTOCK_CORES\)"),
        ('[prefect]\napi_ulr = "x"', "unknown setting prefect.api_ulr; did you mean prefect.api_u"),
        ("cores = 0", r"setting cores \(RESTOCK_CORES\): .*greater than or equal to 1"),
        ('cores = "many"', "setting cores"),
        ('runner = "spark"', "setting runner .*'spark' is no runner: use threads, dask"),
        ('runner = "dask://host"', "no runner"),
        ('[prefect]\napi_key = "pnu_hush"', r"prefect\.api_key.*set RESTOCK_PREFECT__API_KEY"),
        ('[azure]\nconnection_string = "hush"', "RESTOCK_AZURE__CONNECTION_STRING"),
        ('storage = "https://a.blob/box?sv=1&sig=hush"', "storage .*must not carry"),
        ('storage = "https://user:hush@a/box"', "storage .*must not carry"),
        ('[mlflow]\ntracking_uri = "postgresql://u:hush@db/x"', "tracking_uri .*must not carry"),
        ("[mlflow]\ntls_insecure = true\ntls_ca_file = 'ca.pem'", "not both"),
        ("[mlflow]\nusername = 'u'", "go together"),
        ("cores =", r"restock\.toml is not valid TOML"),
        ("prefect = 3", "setting prefect"),
    ],
)
def test_a_wrong_file_says_what_would_be_right(home: Path, text: str, why: str) -> None:
    (home / "restock.toml").write_text(text)
    with pytest.raises(SettingsError, match=why) as caught:
        load_settings()
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("RESTOCK_STORAG", "x", "RESTOCK_STORAG; did you mean storage .RESTOCK_STORAGE"),
        ("RESTOCK_PREFECT_API_URL", "x", "did you mean prefect.api_url .RESTOCK_PREFECT__API_URL"),
        ("RESTOCK_PREFECT__API_ULR", "x", "prefect.api_ulr; did you mean prefect.api_url"),
        ("RESTOCK_WHATEVER", "x", "known settings: home, storage"),
        ("RESTOCK_CORES", "many", "RESTOCK_CORES"),
        ("RESTOCK_DATABRICKS__SECRETS", "A", r"\(RESTOCK_DATABRICKS__SECRETS\): .*JSON list, as"),
        ("RESTOCK_ALERTS__BLOCKS", "[a]", r"\(RESTOCK_ALERTS__BLOCKS\): .*JSON list, as"),
        ("RESTOCK_DATABRICKS__SECRETS", '"A"', r"\(RESTOCK_DATABRICKS__SECRETS\): .*JSON list, as"),
        ("RESTOCK_PREFECT", "x", "RESTOCK_PREFECT is a section.* it has RESTOCK_PREFECT__API_URL"),
    ],
)
def test_a_wrong_variable_says_what_would_be_right(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=why):
        load_settings()


def test_one_credential_is_enough(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTOCK_AZURE__ACCOUNT_KEY", "hush-1")
    monkeypatch.setenv("RESTOCK_AZURE__SAS_TOKEN", "hush-2")
    with pytest.raises(SettingsError, match="account_key, sas_token, not several") as caught:
        load_settings()
    assert "hush-" not in str(caught.value)


@pytest.mark.parametrize("section", ["prefect", "mlflow"])
def test_credentials_do_not_travel_in_clear_text(
    home: Path, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    address = {"prefect": "API_URL", "mlflow": "TRACKING_URI"}[section]
    secret = {"prefect": "API_KEY", "mlflow": "TOKEN"}[section]
    monkeypatch.setenv(f"RESTOCK_{section.upper()}__{address}", "http://server:4200/api")
    load_settings()
    monkeypatch.setenv(f"RESTOCK_{section.upper()}__{secret}", "hush")
    with pytest.raises(SettingsError, match="use https://"):
        load_settings()
    monkeypatch.setenv(f"RESTOCK_{section.upper()}__{address}", "http://127.0.0.1:4200/api")
    load_settings()


def test_secrets_are_never_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    logging.getLogger("restock").warning("settings: %s %r", settings, settings)
    shown = [repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())]
    for text in (*shown, caplog.text):
        assert "hush" not in text
        assert "****" in text
    assert settings.prefect.api_key.get_secret_value() == "pnu_hush"
    assert {key for key, secret in known_keys().items() if secret} == {
        "azure.connection_string",
        "azure.account_key",
        "azure.sas_token",
        "prefect.api_key",
        "prefect.auth_string",
        "mlflow.token",
        "mlflow.password",
    }


def test_another_node_reaches_the_same_platform(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "restock.toml").write_text(
        'storage = "azure://acme/box"\n'
        '[prefect]\napi_url = "https://prefect.acme/api"\ntls_ca_file = "ca.pem"\n'
        '[mlflow]\ntracking_uri = "https://mlflow.acme"\ntls_insecure = true\n'
        '[dask]\ntls_ca_file = "ca.pem"\ntls_cert = "c.pem"\ntls_key = "k.pem"\n'
    )
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    there = settings.environment()
    assert there == {
        "PREFECT_API_URL": "https://prefect.acme/api",
        "PREFECT_API_KEY": "pnu_hush",
        "PREFECT_API_SSL_CERT_FILE": str(home / "ca.pem"),
        "MLFLOW_TRACKING_URI": "https://mlflow.acme",
        "MLFLOW_TRACKING_TOKEN": "mlflow-hush",
        "MLFLOW_TRACKING_INSECURE_TLS": "True",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(home / "ca.pem"),
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": str(home / "c.pem"),
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": str(home / "k.pem"),
        "RESTOCK_STORAGE": "azure://acme/box",
        "RESTOCK_AZURE__ACCOUNT_KEY": "azure-hush",
    }
    (home / "restock.toml").unlink()
    for name in SECRETS:
        monkeypatch.delenv(name)
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    node = load_settings()
    assert (node.storage, node.azure) == (settings.storage, settings.azure)


def test_the_variables_are_those_that_prefect_and_mlflow_read() -> None:
    from mlflow import environment_variables
    from prefect import settings as prefect_settings

    assert not hasattr(prefect_settings, "PREFECT_API_ULR")
    settings = Settings.model_construct(**_all_set())
    for name in settings.environment():
        if name.startswith("PREFECT_"):
            assert hasattr(prefect_settings, name)
        if name.startswith("MLFLOW_"):
            assert hasattr(environment_variables, name)


def _all_set() -> dict[str, object]:
    from types import SimpleNamespace

    sections: dict[str, dict[str, object]] = {}
    for key in known_keys():
        section, _, name = key.partition(".")
        if name:
            sections.setdefault(section, {})[name] = "x"
    return {
        "storage": "x",
        **{section: SimpleNamespace(**values) for section, values in sections.items()},
    }


def test_settings_cannot_be_changed(home: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().cores = 3
    settings = (name for name in os.environ if name.startswith("RESTOCK_"))
    assert list(settings) == [policy.THREADS]  # set for all tests, and no setting

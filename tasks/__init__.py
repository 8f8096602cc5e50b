"""Prefect tasks, thin: names, retries and logging around the library and ``infra``."""

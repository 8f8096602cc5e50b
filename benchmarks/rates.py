"""Rates and shares of counted events as figures, with exact intervals."""

from scipy.stats import beta, chi2

from restock.benchmarks.figures import Figure


def poisson(name: str, events: int, exposure: float, unit: str) -> Figure:
    """Events per exposure with the exact 95 % interval of a Poisson rate (Garwood 1936)."""
    low = float(chi2.ppf(0.025, 2 * events)) / 2 if events else 0.0
    high = float(chi2.ppf(0.975, 2 * events + 2)) / 2
    return Figure(name, events / exposure, unit, low / exposure, high / exposure)


def share(name: str, part: int, whole: int, unit: str, note: str | None = None) -> Figure:
    """A share with its exact 95 % interval (Clopper and Pearson 1934); 0 of 0 is 0."""
    low = float(beta.ppf(0.025, part, whole - part + 1)) if part else 0.0
    high = float(beta.ppf(0.975, part + 1, whole - part)) if part < whole else 1.0
    return Figure(name, part / whole if whole else 0.0, unit, low, high, agreement=note)

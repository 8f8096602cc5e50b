"""Who competes every night until a search has chosen more."""

from restock.models.candidate import Candidate

FALLBACK = Candidate(name="popular", scope="market")
"""What customers would see without a model: a refreshed champion must not be worse."""

FIRST_INCUMBENT = Candidate(name="reorder", scope="market")
"""The plan in service before any other has proved to be better."""

SLATE: tuple[Candidate, ...] = (
    FALLBACK,
    FIRST_INCUMBENT,
    Candidate(name="item_knn", scope="pooled"),
    Candidate(name="blend", scope="market"),
    Candidate(name="blend", scope="pooled"),
)

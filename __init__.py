"""restock: what to offer each shop next, proved and published market by market."""

__version__ = "0.1.0"

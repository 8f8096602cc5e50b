"""A gated recurrent unit over a customer's orders, with a copy of what is bought again."""

from restock.models.recurrent import Recurrent, RecurrentConfig


class GruConfig(RecurrentConfig):
    """The size of the network, what it is asked, and how it is trained."""


class Gru(Recurrent[GruConfig]):
    """``Recurrent`` with gated recurrent units (Cho et al., EMNLP 2014)."""

    name = "gru"
    config_class = GruConfig
    cell = "gru"

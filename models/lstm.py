"""Long short-term memory over a customer's orders, with a copy of what is bought again."""

from restock.models.recurrent import Recurrent, RecurrentConfig


class LstmConfig(RecurrentConfig):
    """The size of the network, what it is asked, and how it is trained."""


class Lstm(Recurrent[LstmConfig]):
    """``Recurrent`` with long short-term memory (Hochreiter and Schmidhuber, 1997)."""

    name = "lstm"
    config_class = LstmConfig
    cell = "lstm"

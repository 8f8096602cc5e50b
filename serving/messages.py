"""What the process beside the server tells it: one line of JSON each, on its standard output."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

GOODBYE = b"end"
"""What the server says, its journal being ended. A killed one says nothing."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def say(self) -> None:
        """To the server."""
        print(self.model_dump_json(), flush=True)


class Started(_Message):
    """The first: settings, store and markets are as they should be."""

    kind: Literal["started"] = "started"
    store: str
    journal: str


class Refused(_Message):
    """The first and only one: what is wrong with what was asked for."""

    kind: Literal["refused"] = "refused"
    why: str


class Ready(_Message):
    """A publication lies in a folder, for ``Lists.open``; the server removes the folder."""

    kind: Literal["ready"] = "ready"
    folder: str


class Looked(_Message):
    """After each round of all markets: what is wrong now, by market, or ``store``."""

    kind: Literal["looked"] = "looked"
    problems: dict[str, str]


class Sent(_Message):
    """After each round of the journal: lists that reached the store, files that wait."""

    kind: Literal["sent"] = "sent"
    lists: int
    waiting: int
    problem: str = ""


Message = Annotated[Started | Refused | Ready | Looked | Sent, Field(discriminator="kind")]
MESSAGES: TypeAdapter[Message] = TypeAdapter(Message)

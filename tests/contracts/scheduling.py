"""Which worker of the tests runs what: files that share servers for long stay together."""

from xdist.scheduler import LoadFileScheduling

TOGETHER = "tests/flows/"
"""Its fixtures (a server, a process with everything imported, nights) are made once a worker."""


class ByFileButFlows(LoadFileScheduling):  # type: ignore[misc]
    """A file to a worker, and all flows to one."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else str(super()._split_scope(nodeid))

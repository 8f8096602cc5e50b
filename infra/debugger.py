"""A debugger attaches to the flow, and with it to all processes that the flow starts.

Nothing here imports debugpy before somebody asks for it (``Settings.debug``). It listens on
loopback alone: who reaches the port can run anything in the process.

The flow waits for its debugger. Processes that it starts, Dask's workers among them, join that
session by themselves, which is debugpy's own doing. Two kinds of processes have to be told:
workers of a cluster that was there before have a port each, and those of Spark, which Java
starts, join the session of the process that started Java.
"""

import json
import logging
import os
import sys
from contextlib import suppress

from restock.infra.processes import LOOPBACK, free_port

PORT = 5678
"""Where the flow listens, unless another port is set; its host's workers use the next ones."""
WORKERS = 64
"""The most that listen on one host."""
SESSION = "RESTOCK_DEBUG_SESSION"
"""The environment variable that tells Spark's workers which session to join."""

TOKENS = ("access_token", "client_access_token")

logger = logging.getLogger(__name__)


class PortTaken(RuntimeError):
    """Another process listens there; the text says what to do."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} of {LOOPBACK} is taken, perhaps by another run that is debugged: end it, "
            "or take another port with RESTOCK_DEBUG=5700 instead of --debug, and attach there"
        )


def check(port: int) -> None:
    """Raises ImportError, which says what to install, without debugpy; PortTaken."""
    from restock.models.requirements import check_extras

    check_extras("the debugger", {"debugpy": "debug"})
    if free_port(port) != port:
        raise PortTaken(port)


def wait(port: int) -> None:
    """Hold this process until a debugger has attached; not where one has. Raises as ``check``."""
    if is_debugged():
        return
    _listen(port)
    text = f"waiting for a debugger on {LOOPBACK}:{port}; in VS Code: debug: flow"
    logger.warning(text)
    print(text, file=sys.stderr, flush=True)
    import debugpy

    debugpy.wait_for_client()


def listen_as_worker(port: int) -> None:
    """Listen on the first free port after the flow's, and go on. port: the flow's.

    Nothing where this process is part of a session already. Raises as ``check``.
    """
    if is_debugged():
        return
    for own in range(port + 1, port + 1 + WORKERS):
        with suppress(PortTaken):
            _listen(own)
            logger.warning("process %d can be debugged on %s:%d", os.getpid(), LOOPBACK, own)
            return
    raise PortTaken(own)


def is_debugged() -> bool:
    """Whether a debugger is attached to this process, or can be."""
    return session() is not None


def session() -> str | None:
    """What a process that debugpy did not see starting needs to join the session of this one.

    It holds a token: hand it to a process of this host, never to a log.
    """
    pydevd = sys.modules.get("pydevd")
    setup = pydevd.SetupHolder.setup if pydevd else None
    if not setup:
        return None
    tokens = {name: setup.get(name.replace("_", "-")) for name in TOKENS}
    return json.dumps({"port": setup["port"], "ppid": os.getpid(), **tokens})


def join(session: str) -> None:
    """Become part of a session of this host, and wait until its debugger has set breakpoints.

    Goes on at once where nobody has attached to that session. ``debugpy.connect`` takes one of the
    tokens only: this is what debugpy has its own children do.
    """
    import debugpy.server  # noqa: F401  (brings pydevd)

    pydevd = sys.modules["pydevd"]
    pydevd.settrace(host=LOOPBACK, suspend=False, notify_stdin=False, **json.loads(session))


def _listen(port: int) -> None:
    """From now on a debugger can attach there."""
    check(port)
    # it warns of frozen modules of the standard library, where nobody sets a breakpoint
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    import debugpy

    try:
        debugpy.listen((LOOPBACK, port))
    except RuntimeError as error:
        if "in use" in str(error):  # another worker was quicker
            raise PortTaken(port) from None
        raise

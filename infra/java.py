"""The Java that Spark would start, and whether it can."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

VECTOR_MODULE = "jdk.incubator.vector"
"""Spark 4.3 is mute without it, and some runtimes leave it out."""
GATEWAY = "PYSPARK_GATEWAY_PORT"
"""Set where a Java with Spark in it has started this process, as on the driver of a cluster."""
REMEDY = "install a full JDK or JRE 17 or newer, for Spark (Debian: openjdk-17-jre-headless)"


class Java(NamedTuple):
    """``found`` is its version, or in words what is wrong."""

    usable: bool
    found: str


def look_for_java() -> Java:
    """Ask the ``java`` of JAVA_HOME, or of the path; takes about a second.

    Where a cluster's own Java has started this process, none of ours has to start.
    """
    if GATEWAY in os.environ:
        return Java(True, "the Java of the cluster's driver")
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    version = said(java, "-version")
    if version is None:
        return Java(False, f"no {java}")
    if VECTOR_MODULE not in (said(java, "--list-modules") or ""):
        return Java(False, f"{version} has no module {VECTOR_MODULE}")
    return Java(True, version.splitlines()[0])


def said(*command: str) -> str | None:
    """What a program prints, whichever way it prints it; None when it does not run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return (done.stdout + done.stderr).strip()

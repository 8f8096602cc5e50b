"""Spark's Python daemon where Spark is debugged: every worker joins the session of its driver.

Java starts it, so that debugpy cannot follow; and a worker is a fork, which nothing may be
imported for, nor a thread be started, before it is there.
"""

import os

from pyspark.daemon import manager

from restock.infra import debugger

if __name__ == "__main__":
    os.register_at_fork(after_in_child=lambda: debugger.join(os.environ[debugger.SESSION]))
    manager()

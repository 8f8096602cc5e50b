"""pandera, imported so that it leaves Spark alone.

Where pyspark is installed, importing pandera imports it too, and sets ``SPARK_LOCAL_IP`` for the
whole process, which keeps a cluster's executors from reaching this driver.
"""

import os
import sys

_before = os.environ.get("SPARK_LOCAL_IP")
_hide = "pyspark" not in sys.modules
if _hide:
    sys.modules["pyspark"] = None  # type: ignore[assignment]  # an import of it now fails
try:
    import pandera.pandas as pa
finally:
    if _hide:
        del sys.modules["pyspark"]
    if _before is None:
        os.environ.pop("SPARK_LOCAL_IP", None)

__all__ = ["pa"]

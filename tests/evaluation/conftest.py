"""Tiny worlds are shared by several folders."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

"""``python -m restock.cli``: the ``restock`` command where a debugger starts it."""

from restock.cli.main import main

main()

"""What every node of a job runs: see ``node``.

It has a file of its own since workers, when they are spawned, import the file that was started
again, before they are told how many threads are theirs.
"""

import sys

from restock.infra.azureml.node import main

sys.exit(main())

"""`python -m vivavoce` (and `torchrun -m vivavoce train …`): the command line."""

import sys

from vivavoce.cli import main

sys.exit(main())

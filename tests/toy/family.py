"""The toy as the registry knows a family."""

from tests.toy import Toy
from vivavoce.models.glow.importer import IMPORTER
from vivavoce.models.glow.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=Toy, importer=IMPORTER, workloads=workloads)

"""Trials on a Ray cluster: the extra `ray`, imported only when a run asks for it."""

from normdrop.lab.cluster._address import Cluster as Cluster
from normdrop.lab.cluster._run import run_on as run_on

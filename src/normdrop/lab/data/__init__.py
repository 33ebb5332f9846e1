"""Data sets by name: read from files, verified by checksum, downloaded when asked for."""

from normdrop.lab.data._dataset import Dataset as Dataset
from normdrop.lab.data._dataset import Split as Split
from normdrop.lab.data._dataset import Task as Task
from normdrop.lab.data._dataset import checksum as checksum
from normdrop.lab.data._download import download as download
from normdrop.lab.data._load import load as load
from normdrop.lab.data._locate import locate as locate
from normdrop.lab.data._registry import names as names
from normdrop.lab.data._registry import source as source
from normdrop.lab.data._source import DataSource as DataSource
from normdrop.lab.data._source import Download as Download
from normdrop.lab.data._verified import FileCheck as FileCheck
from normdrop.lab.data._verified import verify as verify

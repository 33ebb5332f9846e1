"""The test family of `predict`: networks, their brute-force truth, and their training."""

from family.members import FAMILY as FAMILY
from family.members import Member as Member

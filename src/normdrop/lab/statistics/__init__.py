"""Statistics of paired seeds: tests, intervals, ranks and groups, pure functions on arrays."""

from normdrop.lab.statistics._comparisons import AllPairs as AllPairs
from normdrop.lab.statistics._comparisons import against_baseline as against_baseline
from normdrop.lab.statistics._comparisons import all_pairs as all_pairs
from normdrop.lab.statistics._groups import group_letter as group_letter
from normdrop.lab.statistics._groups import indistinguishable as indistinguishable
from normdrop.lab.statistics._groups import letters as letters
from normdrop.lab.statistics._groups import seed_ranks as seed_ranks
from normdrop.lab.statistics._intervals import FEWEST_SEEDS as FEWEST_SEEDS
from normdrop.lab.statistics._intervals import Interval as Interval
from normdrop.lab.statistics._intervals import sign_flip_interval as sign_flip_interval
from normdrop.lab.statistics._intervals import student_interval as student_interval
from normdrop.lab.statistics._permutation import RANDOM_FLIPS as RANDOM_FLIPS
from normdrop.lab.statistics._permutation import holm as holm
from normdrop.lab.statistics._permutation import seeds_needed as seeds_needed
from normdrop.lab.statistics._permutation import sign_flip_test as sign_flip_test
from normdrop.lab.statistics._permutation import sign_flips as sign_flips
from normdrop.lab.statistics._permutation import step_down as step_down

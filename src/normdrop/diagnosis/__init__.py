"""What is wrong with a model, what that costs, what was done, and what it costs now."""

from normdrop.diagnosis._diagnosis import Diagnosis as Diagnosis
from normdrop.diagnosis._diagnosis import Treatment as Treatment
from normdrop.diagnosis._story import Chapter as Chapter
from normdrop.diagnosis._story import story as story

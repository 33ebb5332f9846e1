"""What is wrong with a model, what that costs, what was done, and what it costs now."""

from normdrop.mending.diagnosis._diagnosis import Chapter as Chapter
from normdrop.mending.diagnosis._diagnosis import Conclusion as Conclusion
from normdrop.mending.diagnosis._diagnosis import Diagnosis as Diagnosis
from normdrop.mending.diagnosis._diagnosis import Treatment as Treatment
from normdrop.mending.diagnosis._diagnosis import is_shifted as is_shifted
from normdrop.mending.diagnosis._diagnosis import story as story

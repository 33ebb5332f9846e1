"""What a running model's norm and noise calls are, watched without touching it."""

from normdrop.keras.watch._listener import Listener as Listener
from normdrop.keras.watch._noise_calls import NoiseCalls as NoiseCalls
from normdrop.keras.watch._norm_call import NormCall as NormCall
from normdrop.keras.watch._norm_call import by_running as by_running
from normdrop.keras.watch._norm_calls import answered as answered
from normdrop.keras.watch._passes import Passes as Passes
from normdrop.keras.watch._untouched import random_state_kept as random_state_kept
from normdrop.keras.watch._untouched import untouched as untouched

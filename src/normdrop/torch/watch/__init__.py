"""What a running model's norm and noise calls are, watched without touching it."""

from normdrop.torch.watch._calls import CallWatch as CallWatch
from normdrop.torch.watch._calls import NormCall as NormCall
from normdrop.torch.watch._calls import TensorStatistics as TensorStatistics
from normdrop.torch.watch._listener import Listener as Listener
from normdrop.torch.watch._listener import by_batch as by_batch
from normdrop.torch.watch._listener import by_running as by_running
from normdrop.torch.watch._listener import call_moments as call_moments
from normdrop.torch.watch._passes import Passes as Passes
from normdrop.torch.watch._switches import Switches as Switches
from normdrop.torch.watch._switches import frozen_norms as frozen_norms
from normdrop.torch.watch._switches import has_statistics as has_statistics
from normdrop.torch.watch._switches import kept_modes as kept_modes
from normdrop.torch.watch._untouched import cuda_devices as cuda_devices
from normdrop.torch.watch._untouched import device_of as device_of
from normdrop.torch.watch._untouched import need_values as need_values
from normdrop.torch.watch._untouched import untouched as untouched
from normdrop.torch.watch._untouched import unwrapped as unwrapped

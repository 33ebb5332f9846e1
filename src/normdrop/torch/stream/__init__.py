"""One pass of a torch model over batches: what is read and what is seen at the norm layers."""

from normdrop.torch.stream._batches import reading as reading
from normdrop.torch.stream._recorder import BatchRecorder as BatchRecorder
from normdrop.torch.stream._recorder import Recorder as Recorder
from normdrop.torch.stream._recorder import copied as copied
from normdrop.torch.stream._unwrap import eager as eager
from normdrop.torch.stream._unwrap import unwrapped as unwrapped
from normdrop.torch.watch._listener import Listener as Listener
from normdrop.torch.watch._listener import by_running as by_running

"""One pass over batches: what is read, what is seen at the norm layers, what is kept of it."""

from normdrop.torch.stream._batches import Arguments as Arguments
from normdrop.torch.stream._batches import Batch as Batch
from normdrop.torch.stream._batches import Batches as Batches
from normdrop.torch.stream._batches import Progress as Progress
from normdrop.torch.stream._layer import extent as extent
from normdrop.torch.stream._layer import layer_shift as layer_shift
from normdrop.torch.stream._layer import moments_of as moments_of
from normdrop.torch.stream._listener import Listener as Listener
from normdrop.torch.stream._listener import by_running as by_running
from normdrop.torch.stream._metric import MetricMean as MetricMean
from normdrop.torch.stream._metric import metric_name as metric_name
from normdrop.torch.stream._recorder import BatchRecorder as BatchRecorder
from normdrop.torch.stream._recorder import Recorder as Recorder
from normdrop.torch.stream._recorder import copied as copied
from normdrop.torch.stream._seen import Seen as Seen
from normdrop.torch.stream._seen import Tally as Tally
from normdrop.torch.stream._unwrap import eager as eager
from normdrop.torch.stream._unwrap import unwrapped as unwrapped

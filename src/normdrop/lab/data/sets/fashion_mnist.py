"""Fashion-MNIST: articles of clothing in the format of MNIST."""

from dataclasses import replace

from normdrop.lab.data._source import Download
from normdrop.lab.data.sets import mnist

_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
_SHA256 = (
    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
_BYTES = (26421880, 29515, 4422102, 5148)

source = replace(
    mnist.source,
    name="fashion-mnist",
    title="Fashion-MNIST",
    citation=(
        "Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017 (MIT licence, Zalando SE)"
    ),
    downloads=tuple(
        Download(f"{part}.gz", sha256, size, tuple(f"{base}{part}.gz" for base in _MIRRORS))
        for part, sha256, size in zip(mnist.source.parts, _SHA256, _BYTES, strict=True)
    ),
)

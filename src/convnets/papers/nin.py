"""Network in Network: what Lin, Chen and Yan (arXiv:1312.4400) print, and the totals of the authors' files."""

from typing import Any

from .record import Entry, Paper, Result

PAPER = Paper(
    title="Network In Network",
    authors="Lin, Chen, Yan",
    year=2013,
    venue="ICLR 2014",
    arxiv="1312.4400",
)

COMMON: dict[str, Any] = {"family": "nin", "paper": PAPER}
PLAIN, AUGMENTED = "one view", "one view, trained with translation and flips"
README = "readme of the author's Caffe file"


def _cifar(name: str, parameters: int, multiply_adds: int, classes: int, dataset: str, **others: Any) -> Entry:
    return Entry(name, **COMMON, input=(3, 32, 32), classes=classes, dataset=dataset, parameters=parameters,
                 multiply_adds=multiply_adds, **others)  # fmt: skip


NETWORKS = {
    entry.name: entry
    for entry in (
        _cifar("nin_cifar", 966986, 222486528, 10, "CIFAR-10", aliases=("nin_cifar10", "nin"), results=(
            Result("CIFAR-10 test", PLAIN, 10.41, None, "Table 1"),
            Result("CIFAR-10 test", AUGMENTED, 8.81, None, "Table 1"),
        )),
        _cifar("nin_cifar100", 984356, 223592448, 100, "CIFAR-100",
               results=(Result("CIFAR-100 test", PLAIN, 35.68, None, "Table 2"),)),
        _cifar("nin_svhn", 1986026, 274235392, 10, "SVHN",
               results=(Result("SVHN test", PLAIN, 2.35, None, "Table 3"),)),
        Entry("nin_mnist", **COMMON, input=(1, 28, 28), classes=10, dataset="MNIST", parameters=349674,
              multiply_adds=50699712, results=(Result("MNIST test", PLAIN, 0.47, None, "Table 4"),)),
        Entry("nin_imagenet", **COMMON, input=(3, 224, 224), classes=1000, dataset="ImageNet", parameters=7595176,
              multiply_adds=1100188800, departures=(1,),
              results=(Result("ILSVRC-2012 val", PLAIN, 40.64, None, README),),
              note="published by the first author as a Caffe file, not in the paper"),
        _cifar("nin_cifar_caffe", 966986, 222486528, 10, "CIFAR-10", departures=(2,),
               results=(Result("CIFAR-10 test", PLAIN, 10.4, None, README),)),
    )
}  # fmt: skip

"""What papers measured with the networks of other papers: their baselines, trained or tested again."""

from .record import Result

VAL, CROP = "ImageNet val", "1 crop"


def _preact(
    top1: float, top5: float | None, where: str, dataset: str = VAL, protocol: str = CROP, note: str = ""
) -> Result:
    return Result(dataset, protocol, top1, top5, where, note, source="preact_resnet")


def _inception_v4(top1: float, top5: float, protocol: str, where: str) -> Result:
    return Result(VAL, protocol, top1, top5, where, source="inception_v4")


def _senet(top1: float, top5: float) -> Result:
    return Result(VAL, CROP, top1, top5, "Table 2 p.5", "trained again", source="senet")


def _tricks(top1: float, top5: float, where: str, note: str) -> Result:
    """The paper prints accuracies."""
    errors = round(100 - top1, 2), round(100 - top5, 2)
    return Result(VAL, CROP, *errors, where, note, source="bag_of_tricks")


RESULTS = {
    "resnet50": (
        _senet(24.80, 7.48),
        _tricks(75.87, 92.70, "Table 2 p.2", "baseline"),
        _tricks(76.21, 92.97, "Table 3 p.5", "efficient training"),
    ),
    "resnet101": (_preact(23.6, 7.1, "Sec. 5 p.13"), _senet(23.17, 6.52)),
    "resnet152": (
        _preact(23.0, 6.7, "Table 5 p.13"),
        _preact(21.3, 5.5, "Table 5 p.13", protocol="1 crop of 320"),
        _senet(22.42, 6.34),
    ),
    "resnet110": (_preact(6.61, None, "Table 1 p.6", "CIFAR-10 test", "one view", "median of 5 runs"),),
    "resnet1202": (_preact(7.93, None, "Table 4 p.12", "CIFAR-10 test", "one view"),),
    "resnext50_32x4d": (_senet(22.11, 5.90),),
    "resnext101_32x4d": (_senet(21.18, 5.57),),
    "vgg16_bn": (_senet(27.02, 8.81),),
    "bn_inception": (_senet(25.38, 7.89),),
    "inception_resnet_v2": (_senet(20.37, 5.21),),
    "inception_v3": (
        _inception_v4(19.8, 4.6, "12 crops", "Table 3 p.11"),
        _inception_v4(18.9, 4.3, "144 crops", "Table 4 p.11"),
        _inception_v4(17.3, 3.6, "144 crops, 4 networks", "Table 5 p.11"),
        _tricks(77.32, 93.43, "Table 2 p.2", "baseline"),
        _tricks(77.50, 93.60, "Table 3 p.5", "efficient training"),
    ),
}

"""How Hu, Shen, Albanie, Sun and Wu trained SENets (arXiv:1709.01507), and their repository."""

from dataclasses import replace

from ..spec import RAW, SGD, Affine, Augment, Colour, Plateau, Preprocess, Recipe, Step
from . import preact_resnet, resnet, wide_resnet
from .record import Fact, PaperRecipe

CODE = "code hujie-frank/SENet readme"
CIFAR = "Sec. 5.1 p.7"

FACTS = (Fact("initial weights", "as [68] (He)", "Sec. 5.1"),)

IMAGENET = PaperRecipe(
    Recipe(
        name="senet/imagenet",
        source="Hu et al. 2017, Sec. 5.1, and the authors' repository",
        epochs=100,
        batch_size=1024,
        optimizer=SGD(lr=0.6, momentum=0.9, weight_decay=1e-4),
        schedule=Step(milestones=(30, 60, 90), factor=0.1),
        preprocess=Preprocess(size=224, resize=256, std=RAW),
        augment=Augment(
            area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), flip=True, affine=Affine(rotate=10), colour=Colour(shift=20)
        ),
        sampling="balanced",
    ),
    networks="se_resnet18* se_resnet34* se_resnet50* se_resnet101* se_resnet152* se_resnext* se_googlenet "
    "se_bn_inception* se_vgg16_bn",
    dataset="imagenet",
    said={
        "Sec. 5.1 p.5": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum schedule preprocess.size "
        "preprocess.resize preprocess.subtract preprocess.mean preprocess.std augment.flip sampling protocols",
        CODE: "augment.area augment.aspect augment.affine.rotate augment.colour.shift",
    },
    facts=(
        *FACTS,
        Fact("optimizer", "synchronous SGD; weight decay not stated, 1e-4 being the usual reading (from memory)",
             "Sec. 5.1 p.5"),
        Fact("augmentation", "crops of GoogLeNet's kind and random horizontal flips", "Sec. 5.1 p.5"),
        Fact("sampling", "the data balancing strategy of [67] for minibatches", "Sec. 5.1 p.5"),
        Fact("augmentation of the repository", "mirror, area 8-100%, aspect 3/4-4/3, rotation -10..10, pixel jitter "
             "-20..20, read as a shift of all pixels of a picture", CODE),
        Fact("mean colour", "BGR 104, 117, 123; ours is measured", CODE),
        Fact("test", "centre crop of 224 of shorter edge 256 (299 of 352 for Inception-ResNet-v2)", "Sec. 5.1 p.5"),
        Fact("mobile networks", "batches of 256 on 8 GPUs, weight decay 4e-5, rate 0.1, / 10 when the validation loss "
             "plateaus, about 400 epochs", CIFAR),
    ),
    results="^(?!.*(Sec. 6|longer))",
)  # fmt: skip

INCEPTION_RESNET = IMAGENET.variant(
    "senet/imagenet-299",
    {"Sec. 5.1 p.5": "preprocess.size preprocess.resize"},
    networks="se_inception_resnet_v2",
    preprocess=replace(IMAGENET.recipe.preprocess, size=299, resize=352),
)

SENET_154 = IMAGENET.variant(
    "senet/imagenet-154",
    {"Appendix p.11-12": "batch_size optimizer.lr label_smoothing", "Table 8 p.8": "protocols"},
    (
        Fact("hardware", "64 GPUs", "Appendix p.11-12"),
        Fact("dropout", "0.2 before the classifier", "Appendix p.11-12"),
        Fact("label smoothing", "as Inception v3, whose value is 0.1", "Appendix p.11-12"),
        Fact(
            "batch normalisation",
            "its parameters are frozen for the last few epochs; how many is ours",
            "Appendix p.11-12",
        ),
    ),
    networks="senet154",
    source="Hu et al. 2017, appendix, and the authors' repository",
    batch_size=2048,
    optimizer=replace(IMAGENET.recipe.optimizer, lr=1.0),
    label_smoothing=0.1,
    freeze_bn=3,
    protocols=("1crop", "1crop@320/320"),
)

ABLATIONS = IMAGENET.variant(
    "senet/imagenet-ablations",
    {"Sec. 6 p.8": "optimizer.lr schedule.kind schedule.factor schedule.drops"},
    (Fact("ablations", "8 GPUs; trained until the validation loss plateaus, rate / 10, three times", "Sec. 6 p.8"),),
    source="Hu et al. 2017, Sec. 6",
    batch_size=256,
    optimizer=replace(IMAGENET.recipe.optimizer, lr=0.1),
    schedule=Plateau(factor=0.1, patience=5, drops=3),
    results="Sec. 6",
    unsaid="epochs",
)

SUGGESTED = Fact("everything else", "hyper-parameters as suggested by the authors of each base model", CIFAR)


def _cifar(base: PaperRecipe, kind: str, networks: str, dataset: str) -> PaperRecipe:
    """The base network's own recipe with this paper's pictures: padding with zeros, means and deviations."""
    made = base.variant(
        f"senet/{dataset}{kind}",
        networks=networks,
        dataset=dataset,
        source=f"Hu et al. 2017, Sec. 5.1, and {base.recipe.name}",
        preprocess=Preprocess(size=32, resize=None),
        augment=Augment(pad=4, flip=True),
    )
    pictures = "augment.pad augment.pad_mode augment.flip preprocess protocols"
    theirs = {f"{where} of {base.recipe.name}": keys for where, keys in made.said.items()}
    return replace(made, said={CIFAR: pictures, **theirs}, facts=(*FACTS, SUGGESTED))


SMALL = [
    _cifar(base, kind, networks, dataset)
    for dataset in ("cifar10", "cifar100")
    for base, kind, networks in (
        (resnet.CIFAR10_110, "-110", "se_resnet110"),
        (resnet.CIFAR10, "", "se_resnet20 se_resnet32 se_resnet44 se_resnet56"),
        (preact_resnet.CIFAR10, "-preact", "se_preact_resnet*"),
        (wide_resnet.CIFAR10_MEANSTD, "-wide", "se_wrn_*"),
    )
]

RECIPES = (IMAGENET, INCEPTION_RESNET, SENET_154, ABLATIONS, *SMALL)

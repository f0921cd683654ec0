"""How Zagoruyko and Komodakis trained Wide ResNets (arXiv:1605.07146), and their code.

The printed errors are of whitened pictures. The code changed to means and deviations later: the recipes -meanstd.
"""

from ..spec import SGD, Augment, Preprocess, Recipe, Step
from .record import Fact, PaperRecipe

CODE = "code scripts/train_cifar.sh, train.lua"
DETAILS = "Implementation details p.10"

FACTS = (
    Fact("initial weights", "not stated; code: convolutions normal with std sqrt(2/(k*k*in_channels)), fan-in, no "
         "biases; fc bias 0, fc weights Torch's; gamma as Torch draws it (0 to 1, from memory), beta 0",
         "code models/utils.lua"),
    Fact("loss", "cross-entropy", DETAILS),
    Fact("not in the paper", "weight decay, the value of the momentum, and the drops of the rate", CODE),
)  # fmt: skip

CIFAR10 = PaperRecipe(
    Recipe(
        name="wide_resnet/cifar10",
        source="Zagoruyko and Komodakis 2016, implementation details, and their code",
        epochs=200,
        batch_size=128,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        schedule=Step(milestones=(60, 120, 160), factor=0.2),
        preprocess=Preprocess(size=32, resize=None, contrast=55, whiten=0.1),
        augment=Augment(pad=4, pad_mode="reflect", flip=True),
        val_fraction=0.0,
    ),
    networks="wrn_16* wrn_2* wrn_40* wrn_52*",
    dataset="cifar10",
    said={
        DETAILS: "optimizer.kind optimizer.nesterov optimizer.lr epochs augment.pad augment.pad_mode augment.flip",
        "p.7": "batch_size",
        CODE: "optimizer preprocess.size preprocess.resize schedule val_fraction",
        "[13] maxout, code pylearn2, from memory": "preprocess.contrast preprocess.whiten",
        "Table 2 and 3 p.6": "protocols",
    },
    facts=(
        *FACTS,
        Fact("dampening", "0", CODE),
        Fact("preprocessing", "global contrast normalisation and ZCA whitening; mean and deviation give substantially "
             "different results, says the readme", "Sec. 3 (BMVC)"),
        Fact("dropout", "0.3 between the two convolutions (after BN-ReLU), by cross-validation: recipes -dropout",
             "Sec. 3"),
        Fact("runs", "Tables 2 and 3 median of 5, Table 5 single; one view", "Table 2, 3 and 5"),
    ),
    results="^(?!.*dropout).*ZCA",
)  # fmt: skip

DROPOUT = {"dropout": 0.3}
MEANSTD = Preprocess(size=32, resize=None)
LATER = {"code train.lua, arXiv version 4": "preprocess.mean preprocess.std"}

CIFAR10_DROPOUT = CIFAR10.variant(
    "wide_resnet/cifar10-dropout", {"Sec. 3, Table 6 p.9": "model"}, model=DROPOUT, results="dropout.*ZCA|ZCA.*dropout"
)
CIFAR10_MEANSTD = CIFAR10.variant(
    "wide_resnet/cifar10-meanstd",
    LATER,
    (Fact("mean and deviation", "[125.3,123.0,113.9] and [63.0,62.1,66.7]; ours are measured", "code train.lua"),),
    preprocess=MEANSTD,
    results="^(?!.*dropout).*deviation",
)
CIFAR10_MEANSTD_DROPOUT = CIFAR10_MEANSTD.variant(
    "wide_resnet/cifar10-meanstd-dropout", {"Sec. 3, Table 6 p.9": "model"}, model=DROPOUT, results="deviation.*dropout"
)
TEN = (CIFAR10, CIFAR10_DROPOUT, CIFAR10_MEANSTD, CIFAR10_MEANSTD_DROPOUT)

HUNDRED = tuple(ten.variant(ten.recipe.name.replace("cifar10", "cifar100"), dataset="cifar100") for ten in TEN)

SVHN = CIFAR10.variant(
    "wide_resnet/svhn",
    {
        "Sec. 3 p.9": "optimizer.lr epochs preprocess.mean preprocess.std augment.pad augment.flip",
        "code scripts/train_svhn.sh": "schedule optimizer.weight_decay batch_size",
    },
    (
        Fact("preprocessing of SVHN", "divided by 255, nothing else; no augmentation; dropout 0.4: "
             "wide_resnet/svhn-dropout", "Sec. 3 p.9"),
    ),
    dataset="svhn",
    epochs=160,
    optimizer=SGD(lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4),
    schedule=Step(milestones=(80, 120), factor=0.1),
    preprocess=Preprocess(size=32, resize=None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    augment=Augment(),
    results="^(?!.*dropout)",
)  # fmt: skip

SVHN_DROPOUT = SVHN.variant(
    "wide_resnet/svhn-dropout", {"Sec. 3 p.9": "model"}, model={"dropout": 0.4}, results="dropout"
)

RECIPES = (*TEN, *HUNDRED, SVHN, SVHN_DROPOUT)

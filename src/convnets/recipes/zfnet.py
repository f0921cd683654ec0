"""How Zeiler and Fergus trained ZFNet (arXiv:1311.2901)."""

from ..spec import RAW, SGD, Augment, Plateau, Preprocess, Recipe
from .record import Fact, PaperRecipe

IMAGENET = PaperRecipe(
    Recipe(
        name="zfnet/imagenet",
        source="Zeiler and Fergus 2013, Sec. 3",
        epochs=70,
        batch_size=128,
        optimizer=SGD(lr=0.01, momentum=0.9, form="paper", weight_decay=5e-4),
        schedule=Plateau(factor=0.1, patience=5, drops=3),
        preprocess=Preprocess(size=224, resize=256, centre=256, subtract="pixel", std=RAW),
        augment=Augment(ten=True, flip=True),
        filter_rms=0.1,
        protocols=("10crop",),
    ),
    networks="zf*",
    dataset="imagenet",
    said={
        "Sec. 3": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum schedule.kind preprocess.size "
        "preprocess.resize preprocess.centre preprocess.subtract preprocess.mean preprocess.std augment.ten "
        "augment.flip filter_rms",
    },
    facts=(
        Fact("initial weights", '"initialized to 10^-2", read as Gaussian of std 0.01; biases 0', "Sec. 3"),
        Fact("optimizer, loss", "SGD with momentum, cross-entropy", "Sec. 3"),
        Fact("schedule", "annealed by hand when the validation error plateaus; how often is not said", "Sec. 3"),
        Fact("weight decay", "not stated; ours is AlexNet's", "Sec. 3"),
        Fact("dropout", "0.5 on fc6 and fc7", "Sec. 3"),
        Fact("filter clipping", "a convolution's filter whose RMS exceeds 0.1 is rescaled to it, since a few of the "
             "first layer dominate otherwise; inputs are in about [-128, 128]", "Sec. 3"),
        Fact("crops", "10: four corners + centre, with and without mirror, a fixed set and not random positions",
             "Sec. 3"),
        Fact("data", "ImageNet 2012, 1.3M pictures", "Sec. 3"),
        Fact("hardware", "one GTX 580, about 12 days", "Sec. 3"),
        Fact("test", "not described; the ten crops are presumed, as Krizhevsky et al. have them", "Sec. 3"),
        Fact("feature generalisation", "layers 1-7 frozen, a new soft-max or linear SVM; Caltech-101: 15 or 30 "
             "training pictures a class, up to 50 in test, mean per-class accuracy, 5 folds; Caltech-256: 15/30/45/60",
             "Sec. 5.2"),
    ),
)  # fmt: skip

RECIPES = (IMAGENET,)

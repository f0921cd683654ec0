"""How Ioffe and Szegedy trained their networks (arXiv:1502.03167).

The paper gives rates relative to its baseline's and says what changes; the baseline's own schedule, decay and
augmentation are only cited, so here they are those of GoogLeNet and of its replication.
"""

from dataclasses import replace

from ..spec import RAW, SGD, Augment, Colour, Exponential, Preprocess, Recipe
from .record import Fact, PaperRecipe

GOOGLENET_DECAY, GOOGLENET_EVERY = 2e-4, 8.0

FACTS = (
    Fact("initial weights", "not given, nor those of gamma and beta; some members of the ensemble had larger ones",
         "Sec. 4.2.3 p.7"),
    Fact("initial weights of TF-slim", "He-type variance scaling (factor 2, fan_in, truncated normal); 0.09 for the "
         "1x1 reductions, 0.1 for pool projections and the 1x1 of conv2, 1.0 for the separable first one",
         "code TF-slim"),
    Fact("data and machines", "ILSVRC2012 train; large-scale distributed, like DistBelief; asynchronous is not said",
         "Sec. 4.2 p.6"),
    Fact("optimizer", "SGD with momentum (Sutskever et al. 2013), its value not given; batches of 32", "Sec. 4.2 p.6"),
    Fact("learning rate decay", "exponential, its rate and period not given; GoogLeNet has minus 4 % every 8 epochs",
         "Sec. 4.2 p.6"),
    Fact("weight decay", "an L2 loss, its weight not given; ours is that of GoogLeNet's replication", "Sec. 4.2 p.6"),
    Fact("gradient clipping, average of the weights", "not mentioned (GoogLeNet used Polyak averaging)",
         "Sec. 4.2 p.6"),
    Fact("augmentation", "not given; refers to GoogLeNet's: area 8-100 %, aspect 3/4 to 4/3, Howard's distortions",
         "Sec. 4.2 p.6"),
    Fact("statistics for tests", "recomputed over several training mini-batches (Alg. 2)", "Sec. 3.1, Alg. 2 p.4"),
    Fact("1 crop", "all curves and Fig. 3; crop and resize are not described", "Sec. 4.2 p.6"),
    Fact("144 crops", "said to be similar to GoogLeNet's: shorter sides 256, 288, 320, 352; 3 squares; 4 corners, "
         "centre and the whole at 224x224; mirrored; 4*3*6*2=144; mean of the probabilities",
         "Sec. 4.2.3 p.7, Fig. 4"),
    Fact("ensemble", "6 networks, mean of class probabilities; of BN-x30 with some of: larger initial convolution "
         "weights, dropout of 5 or 10 %, non-convolutional normalisation in the last layers; 6e6 steps each",
         "Sec. 4.2.3 p.7"),
)  # fmt: skip
CHANGES = (
    Fact("seven changes", "higher rate, no dropout, L2 weight divided by 5, rate decays 6 times faster, no response "
         "normalisation, within-shard shuffling (about +1 % validation accuracy), weaker photometric distortions",
         "Sec. 4.2.1 p.6"),
    Fact("how much weaker", "not said; ours is half", "Sec. 4.2.1 p.6"),
)  # fmt: skip

BASELINE = PaperRecipe(
    Recipe(
        name="bn_inception/imagenet-baseline",
        source="Ioffe and Szegedy 2015, Sec. 4.2.2, BN-Baseline",
        epochs=332,  # 13.3 million steps to 72.2 %
        batch_size=32,
        optimizer=SGD(lr=0.0015, momentum=0.9, weight_decay=GOOGLENET_DECAY),
        schedule=Exponential(factor=0.96, every=GOOGLENET_EVERY),
        preprocess=Preprocess(size=224, resize=256, std=RAW),
        augment=Augment(area=(0.08, 1.0), flip=True, colour=Colour(0.5, 0.5, 0.5), lighting=0.1),
        model={"lrn": True, "dropout": 0.4},
        bn_average=3200,
        protocols=("1crop", "144crop"),
    ),
    networks="bn_inception*",
    dataset="imagenet",
    said={
        "Sec. 4.2 p.6": "batch_size schedule.kind",
        "Sec. 4.2.2 p.7": "optimizer.kind optimizer.lr model",
        "Fig. 3 p.7": "epochs",
        "Fig. 5": "preprocess.size",
        "Sec. 4.2 p.6, Fig. 4": "protocols",
    },
    facts=FACTS,
    results="BN-Baseline",
)

INCEPTION = BASELINE.variant(
    "bn_inception/imagenet-inception",
    {"Fig. 3 p.7": "epochs", "Sec. 4.2.2 p.7; dropout 40% in Sec. 4.2.3": "model"},
    networks="inception_no_bn",
    source="Ioffe and Szegedy 2015, Sec. 4.2.2, Inception",
    epochs=774,  # 31.0 million steps
    bn_average=0,
    results="1 crop$",
)

BN_X5 = BASELINE.variant(
    "bn_inception/imagenet-x5",
    {
        "Sec. 4.2.2 p.7": "optimizer.lr",
        "Sec. 4.2.1 p.6": "model sampling",
    },
    CHANGES,
    source="Ioffe and Szegedy 2015, Sec. 4.2.1 and 4.2.2, BN-x5",
    epochs=150,
    optimizer=SGD(lr=0.0075, momentum=0.9, weight_decay=GOOGLENET_DECAY / 5),
    schedule=Exponential(factor=0.96, every=GOOGLENET_EVERY / 6),
    augment=replace(BASELINE.recipe.augment, colour=Colour(0.25, 0.25, 0.25), lighting=0.05),
    model={"lrn": False, "dropout": 0.0},
    results="BN-x5$",
)

IMAGENET = BN_X5.variant(
    "bn_inception/imagenet",
    {"Sec. 4.2.2 p.7": "optimizer.lr", "Sec. 4.2.3 p.7": "epochs"},
    (Fact("epochs", "6e6 steps of 32", "Sec. 4.2.3 p.7"),),
    source="Ioffe and Szegedy 2015, Sec. 4.2.1 and 4.2.2, BN-x30",
    optimizer=replace(BN_X5.recipe.optimizer, lr=0.045),
    results=r"BN-x30|crops?$|networks$",
)

SIGMOID = BN_X5.variant(
    "bn_inception/imagenet-x5-sigmoid",
    {"Sec. 4.2.2 p.7": "model.activation"},
    source="Ioffe and Szegedy 2015, Sec. 4.2.2, BN-x5-Sigmoid",
    model={**BN_X5.recipe.model, "activation": "sigmoid"},
    results="Sigmoid",
)

MNIST = PaperRecipe(
    Recipe(
        name="bn_inception/mnist",
        source="Ioffe and Szegedy 2015, Sec. 4.1",
        epochs=50,  # 50,000 steps of 60 out of 60,000
        batch_size=60,
        optimizer=SGD(lr=0.1, momentum=0.0, weight_decay=0.0),
        preprocess=Preprocess(size=28, resize=None, channels=1),
        val_fraction=0.0,
    ),
    networks="mnist_mlp",
    dataset="mnist",
    said={"Sec. 4.1 p.6": "epochs batch_size"},
    facts=(
        Fact("initial weights", "a small random Gaussian, sigma not given", "Sec. 4.1 p.6"),
        Fact("steps", "50,000 of 60 pictures; cross-entropy; the rate is not given", "Sec. 4.1 p.6"),
    ),
)

RECIPES = (IMAGENET, BN_X5, SIGMOID, BASELINE, INCEPTION, MNIST)

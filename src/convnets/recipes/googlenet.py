"""How Szegedy et al. trained GoogLeNet (arXiv:1409.4842). What the paper leaves out is Caffe's replication.

That was made with the first author's help, and begins at 0.01 with batches of 32.
"""

from ..spec import RAW, SGD, Augment, Colour, Exponential, Polynomial, Preprocess, Recipe
from .record import Fact, PaperRecipe

CAFFE = "code bvlc_googlenet"

IMAGENET = PaperRecipe(
    Recipe(
        name="googlenet/imagenet",
        source="Szegedy et al. 2014, Sec. 5 and 6, and Caffe's bvlc_googlenet",
        epochs=250,
        batch_size=32,
        optimizer=SGD(
            lr=0.01, momentum=0.9, form="paper", weight_decay=2e-4, decay_norm_and_bias=False, bias_rate=2
        ),
        schedule=Exponential(factor=0.96, every=8),
        preprocess=Preprocess(size=224, resize=256, std=RAW),
        augment=Augment(
            area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), any_filter=True, flip=True,
            colour=Colour(0.5, 0.5, 0.5), lighting=0.1,
        ),
        auxiliary=0.3,
        ema=0.9999,
        protocols=("144crop", "10crop", "1crop"),
    ),
    networks="googlenet googlenet_bn",
    dataset="imagenet",
    said={
        "Sec. 6 p.6": "optimizer.kind optimizer.momentum schedule augment.area augment.aspect",
        CAFFE: "epochs batch_size optimizer preprocess.std",
        "Howard 2013, from memory": "augment.colour.brightness augment.colour.contrast augment.colour.saturation "
        "augment.lighting",
        "arXiv version Sec. 6, from memory": "augment.any_filter",
        "Sec. 5 p.6": "auxiliary preprocess.size",
        "Sec. 7 p.7, Table 3": "protocols",
    },
    facts=(
        Fact("initial weights", "not stated; all seven networks had the same by oversight", "Sec. 7 p.7"),
        Fact("initial weights of others", "Xavier uniform (fan-in), biases 0.2, those of the classifiers 0; the "
             "readme says that the original had Gaussian ones", CAFFE),
        Fact("initial weights of TF-slim and torchvision", "truncated normal, std 0.01", "code TF-slim"),
        Fact("optimizer", "asynchronous SGD (DistBelief), momentum 0.9", "Sec. 6 p.6"),
        Fact("Polyak averaging", "of the parameters, for the final model; its decay is ours", "Sec. 6 p.6"),
        Fact("initial_lr, batch_size, weight_decay", "not stated", "Sec. 6 p.6"),
        Fact("dropout", "main 0.4, auxiliary 0.7 of the units dropped", "Sec. 5 p.5-6, Table 1"),
        Fact("augmentation", "a prescription verified after the competition, not what ran in it; photometric "
             "distortions of Andrew Howard (2013); how the aspect is drawn is not said", "Sec. 6 p.6"),
        Fact("photometric distortions", "brightness, contrast and colour by 0.5 to 1.5 in random order, then PCA noise",
             "Howard 2013, from memory"),
        Fact("filters", "one of bilinear, area, nearest and cubic for each crop", "arXiv version Sec. 6, from memory"),
        Fact("solver", "x0.96 every 320,000 of 10,000,000 iterations of 32, which is 8.0 and 250 epochs", CAFFE),
        Fact("mean colour", "BGR 104,117,123; ours is measured", CAFFE),
        Fact("144 crops", "shorter side 256, 288, 320 and 352; left, centre and right square (top, centre, bottom of "
             "a portrait), of each the four corners, the centre and the whole at 224x224, and mirrors: 4*3*6*2 = 144",
             "Sec. 7 p.7"),
        Fact("10 crops", "corners and centre, mirrored; from which size is not stated", "Table 3 p.7"),
        Fact("1 crop", "centre crop presumed", "Table 3 p.7"),
        Fact("averaging", "of soft-max probabilities over crops and networks; the maximum over crops, and averaging "
             "over the classifiers, were worse", "Sec. 7 p.7"),
        Fact("choice of the model", "for one model, that with the lowest top-1 validation error", "Sec. 7 p.7"),
        Fact("auxiliary classifiers", "total = main + 0.3 * (first + second)", "Sec. 5 p.6"),
    ),
)  # fmt: skip

IMAGENET_QUICK = IMAGENET.variant(
    "googlenet/imagenet-quick",
    {CAFFE: "epochs schedule"},
    (Fact("quick solver", "poly, power 0.5, 2.4 million iterations of 32, 60 epochs", CAFFE),),
    epochs=60,
    schedule=Polynomial(power=0.5),
)

RECIPES = (IMAGENET, IMAGENET_QUICK)

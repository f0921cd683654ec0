"""How Szegedy, Vanhoucke, Ioffe, Shlens and Wojna trained Inception v3 (arXiv:1512.00567), and their released code."""

from dataclasses import replace

from ..spec import Augment, Colour, Exponential, Preprocess, Recipe, RMSProp
from .record import Fact, PaperRecipe

CODE = "code tensorflow/models inception"
SLIM = "code TF-slim"
CENTRED = (0.5, 0.5, 0.5)  # pixels from -1 to 1

PREPROCESS = Preprocess(size=299, resize=342, mean=CENTRED, std=CENTRED)  # the middle 87.5 %, at 299
AUGMENT = Augment(
    area=(0.05, 1.0), aspect=(0.75, 1.33), any_filter=True, flip=True,
    colour=Colour(contrast=0.5, saturation=0.5, hue=0.2, shift=32),
)  # fmt: skip

IMAGENET = PaperRecipe(
    Recipe(
        name="inception_v3/imagenet",
        source="Szegedy et al. 2015, Sec. 7 and 8, and the released code",
        epochs=100,
        batch_size=32,
        optimizer=RMSProp(
            lr=0.045, decay=0.9, momentum=0.9, epsilon=1.0, weight_decay=4e-5, decay_norm_and_bias=False
        ),
        schedule=Exponential(factor=0.94, every=2),
        preprocess=PREPROCESS,
        augment=AUGMENT,
        label_smoothing=0.1,
        auxiliary=0.4,
        clip=2.0,
        ema=0.9999,
        protocols=("1crop", "12crop", "144crop"),
    ),
    networks="inception_v3 inception_v3_t* inception_v3_k*",
    dataset="imagenet",
    said={
        "Sec. 8 p.7": "epochs batch_size optimizer.kind optimizer.lr optimizer.decay optimizer.epsilon schedule clip",
        "Sec. 7 pp.6-7": "label_smoothing",
        "Sec. 10 p.8, Table 3, 4 and 5": "protocols",
        "Table 1": "preprocess.size",
        CODE: "optimizer preprocess.resize preprocess.mean preprocess.std augment.area augment.aspect "
        "augment.any_filter augment.flip augment.colour.contrast augment.colour.saturation augment.colour.hue "
        "augment.colour.shift auxiliary ema",
    },
    facts=(
        Fact("initial weights", "not given in the paper", "Sec. 8 p.7"),
        Fact("initial weights of the code", "truncated normal, std 0.1 for all convolutions, 0.01 for the 5x5 of the "
             "auxiliary classifier, 0.001 for its linear layer, 0.01 for the main one", CODE),
        Fact("initial weights of TF-slim", "variance scaling (factor 2, fan_in, truncated normal); auxiliary 0.01 and "
             "0.001", SLIM),
        Fact("initial weights of torchvision and timm", "truncated normal, std 0.1; 0.001 for the auxiliary linear "
             "layer; the 0.01 of its 5x5 is never applied", "code torchvision"),
        Fact("hardware", "50 replicas, each on one NVidia Kepler GPU, with batches of 32", "Sec. 8 p.7"),
        Fact("earlier optimizer", "SGD with momentum 0.9", "Sec. 8 p.7"),
        Fact("clipping", "of the gradient's norm, after Pascanu et al.; per tensor or over all is not said; none in "
             "the distributed trainer of the code", "Sec. 8 p.7"),
        Fact("average", "evaluated on a running average of the parameters, its decay not given", "Sec. 8 p.7"),
        Fact("label smoothing", "q'(k) = (1-eps)*delta(k,y) + eps/K with K = 1000: 0.9001 for the true class; H(q',p) "
             "= (1-eps)*H(q,p) + eps*H(u,p)", "Sec. 7 pp.6-7"),
        Fact("dropout, weight decay, augmentation", "not given", "Sec. 8 p.7"),
        Fact("dropout of the code", "0.8 is kept before the logits", SLIM),
        Fact("released crop", "area 0.05 to 1, aspect 0.75 to 1.33, min_object_covered 0.1, 100 attempts; resized by "
             "one of 4 methods, by thread; flip 0.5", CODE),
        Fact("released colours", "brightness 32/255, saturation 0.5 to 1.5, hue 0.2, contrast 0.5 to 1.5, in 2 orders "
             "by thread; pixels from -1 to 1", CODE),
        Fact("weight decay", "4e-5, of the weights of convolutions and linear layers only", CODE),
        Fact("batch normalisation", "decay 0.9997, epsilon 0.001", CODE),
        Fact("steps of the schedule", "in whole steps (staircase), divided by the number of replicas", CODE),
        Fact("classes", "1001, of which 0 is the background", CODE),
        Fact("single crop", "on the 48,238 pictures that are not blacklisted; on all 50,000 about 0.1 % worse in "
             "top-5 and 0.2 % in top-1; the crop is not described, the code takes the central 87.5 % of both sides "
             "and resizes them to 299, bilinear", "Sec. 10 p.8"),
        Fact("12 crops", "not defined; natural: one scale, one square, 4 corners + centre + the whole, mirrored",
             "Table 4 p.8"),
        Fact("144 crops", "as GoogLeNet (4 scales x 3 squares x 6 crops x 2 mirrors), the scales for 299 not given",
             "Table 4, Table 5"),
        Fact("ensemble", "4 models, 144 crops, mean of probabilities", "Table 5 p.9"),
    ),
)  # fmt: skip


def _smaller(side: int) -> PaperRecipe:
    """Sec. 9: the same network at another resolution."""
    return IMAGENET.variant(
        f"inception_v3/imagenet-{side}",
        {"Sec. 9, Table 2": "preprocess.size"},
        networks=f"inception_v3_{side}",
        preprocess=replace(PREPROCESS, size=side, resize=round(side / 0.875)),
    )


RECIPES = (_smaller(151), _smaller(79), IMAGENET)

"""How Simonyan and Zisserman trained their networks (arXiv:1409.1556)."""

from dataclasses import replace

from ..spec import RAW, SGD, Augment, Plateau, Preprocess, Recipe
from .record import Fact, PaperRecipe

IMAGENET = PaperRecipe(
    Recipe(
        name="vgg/imagenet",
        source="Simonyan and Zisserman 2015, Sec. 3.1, S = 256",
        epochs=74,
        batch_size=256,
        optimizer=SGD(lr=0.01, momentum=0.9, form="paper", weight_decay=5e-4),
        schedule=Plateau(factor=0.1, patience=5, drops=3),
        preprocess=Preprocess(size=224, resize=256, subtract="channel", std=RAW),
        augment=Augment(flip=True, lighting=0.1),
        protocols=("dense@256", "dense@224+256+288"),
    ),
    networks="vgg*",
    dataset="imagenet",
    said={
        "Sec. 3.1 p.4": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.weight_decay "
        "schedule.kind schedule.factor schedule.drops",
        "Sec. 3.1 p.4-5": "preprocess.resize augment.flip augment.lighting",
        "Sec. 2.1 p.2": "preprocess.size preprocess.subtract preprocess.mean preprocess.std",
        "Sec. 3.3 p.5 (derived from Caffe)": "optimizer.form",
        "Sec. 4.1 and 4.2 p.6": "protocols",
    },
    facts=(
        Fact("initial weights", "normal, mean 0, variance 10^-2 as printed; biases 0", "Sec. 3.1 p.4"),
        Fact("start from A", "\"the first four convolutional layers and the last three fully-connected layers\" are "
             "A's, the rest random, the rate no lower: --grow-from RUN; by shape they are conv1_1, conv2_1, conv3_1, "
             "conv3_2, fc6, fc7, fc8", "Sec. 3.1 p.4"),
        Fact("start without A", "Glorot & Bengio 2010 works without it, found after submission; ours", "Sec. 3.1 p.4"),
        Fact("loss", "multinomial logistic regression, mini-batch SGD with momentum", "Sec. 3.1 p.4"),
        Fact("dropout", "0.5 on the first two fc layers", "Sec. 3.1 p.4"),
        Fact("schedule", "rate / 10 when the validation accuracy stops improving, 3 times; 370,000 iterations, 74 "
             "epochs", "Sec. 3.1 p.4"),
        Fact("crops", "224x224 at random out of the rescaled picture, one for each iteration", "Sec. 3.1 p.4"),
        Fact("mean colour", "of the training set; the released models have BGR 103.939, 116.779, 123.68",
             "code readme of the released 16-layer model"),
        Fact("colours", "a random RGB shift as Krizhevsky et al. have it (PCA)", "Sec. 3.1 p.4-5"),
        Fact("hardware", "4x Titan Black, data parallel synchronous, 2-3 weeks for a network, 3.75x speed-up",
             "Sec. 3.3 p.5"),
        Fact("test", "Q = S for fixed S, 384 for S in [256,512]; 2 flips", "Sec. 3.2 p.5, Sec. 4.1 p.6"),
        Fact("several scales", "Q = S-32, S, S+32 for fixed S; 256, 384, 512 for a jittered one; mean of the "
             "posteriors", "Sec. 4.2 p.6"),
        Fact("many crops", "50 at a scale (5x5 regular grid x 2 flips), 150 over 3 scales", "Sec. 3.2 p.5"),
        Fact("many crops and dense", "mean of the two soft-max outputs", "Sec. 4.3 p.7"),
        Fact("fusion", "mean of soft-max posteriors over networks", "Sec. 4.4 p.7"),
        Fact("metric", "top-1/top-5 error; the validation set is the test set in most experiments", "Sec. 4 p.5-6"),
    ),
    results="S=256",
)  # fmt: skip

IMAGENET_384 = IMAGENET.variant(
    "vgg/imagenet-384",
    {"Sec. 3.1 p.4-5": "optimizer.lr preprocess.resize", "Sec. 4.1 and 4.2 p.6": "protocols"},
    (
        Fact("start from S=256", "S=384 is initialised from its weights, with a rate of 10^-3: --grow-from RUN",
             "Sec. 3.1 p.4-5"),
    ),
    source="Simonyan and Zisserman 2015, Sec. 3.1, S = 384",
    optimizer=replace(IMAGENET.recipe.optimizer, lr=1e-3),
    preprocess=replace(IMAGENET.recipe.preprocess, resize=384),
    protocols=("dense@384", "dense@352+384+416"),
    results="S=384",
)  # fmt: skip

IMAGENET_JITTER = IMAGENET_384.variant(
    "vgg/imagenet-jitter",
    {"Sec. 3.1 p.4-5": "augment.scale", "Sec. 4.1 p.6": "preprocess.resize", "Sec. 4.2 and 4.3 p.6-7": "protocols"},
    (
        Fact("start from S=384", "all layers of its model are fine-tuned with S drawn from [256, 512] for each "
             "picture; the rate is not given: --grow-from RUN", "Sec. 3.1 p.4-5"),
    ),
    source="Simonyan and Zisserman 2015, Sec. 3.1, S from 256 to 512",
    augment=Augment(scale=(256, 512), flip=True, lighting=0.1),
    protocols=(
        "dense@256+384+512", "dense@384", "multi-crop-5x5@256+384+512",
        "multi-crop-5x5@256+384+512:dense@256+384+512",
    ),
    results=r"S=\[256;512",
    unsaid="optimizer.lr",
)  # fmt: skip

RECIPES = (IMAGENET, IMAGENET_384, IMAGENET_JITTER)

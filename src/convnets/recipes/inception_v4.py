"""How Szegedy, Ioffe, Vanhoucke and Alemi trained Inception-v4 and the Inception-ResNets (arXiv:1602.07261).

The paper says less than the one on Inception v3; what it leaves out is that one's, and so ours.
"""

from ..spec import Exponential, Recipe, RMSProp
from . import inception_v3
from .record import Fact, PaperRecipe

SLIM = "code TF-slim"

IMAGENET = PaperRecipe(
    Recipe(
        name="inception_v4/imagenet",
        source="Szegedy et al. 2016, Sec. 4, and TF-slim",
        epochs=160,
        batch_size=32,
        optimizer=RMSProp(
            lr=0.045, decay=0.9, momentum=0.9, epsilon=1.0, weight_decay=4e-5, decay_norm_and_bias=False
        ),
        schedule=Exponential(factor=0.94, every=2),
        preprocess=inception_v3.PREPROCESS,
        augment=inception_v3.AUGMENT,
        ema=0.9999,
        protocols=("1crop", "12crop", "144crop"),
    ),
    networks="inception_v4* inception_resnet_v2*",
    dataset="imagenet",
    said={
        "Sec. 4 pp.8-9": "optimizer.kind optimizer.lr optimizer.decay optimizer.epsilon schedule",
        "Fig. 23 and 24": "epochs",
        "Fig. 9": "preprocess.size",
        SLIM: "optimizer.weight_decay optimizer.decay_norm_and_bias preprocess.resize preprocess.mean preprocess.std",
        "Table 2 p.10, Table 3 p.11, Table 4 p.11": "protocols",
    },
    facts=(
        Fact("initial weights", "not given", "Sec. 4 pp.8-9"),
        Fact("initial weights of TF-slim", "variance scaling (factor 2, fan_in, truncated normal)", SLIM),
        Fact("initial weights of others", "timm: PyTorch's own; facenet's v1: truncated normal, std 0.1",
             "code timm, facenet"),
        Fact("hardware", "20 replicas, one NVidia Kepler GPU each", "Sec. 4 pp.8-9"),
        Fact("earlier optimizer", "momentum 0.9", "Sec. 4 pp.8-9"),
        Fact("RMSProp", "its momentum is not given", "Sec. 4 pp.8-9"),
        Fact("batch_size, weight decay, augmentation", "not given", "Sec. 4 pp.8-9"),
        Fact("gradient clipping, label smoothing", "not mentioned", "Sec. 4 pp.8-9"),
        Fact("average", "a running average of the parameters is evaluated, its decay not given", "Sec. 4 pp.8-9"),
        Fact("dropout", "0.8 is kept before the soft-max", "Fig. 9 and 15"),
        Fact("epochs", "not given; curves run to 200 (v3, Inception-ResNet-v1) and 160 (v4, Inception-ResNet-v2)",
             "Fig. 23 and 24"),
        Fact("residual scaling", "x + s * residual with s from 0.1 to 0.3, typically about 0.1 (Fig. 20), ReLU after "
             "the sum", "Sec. 3.3 p.9, Fig. 20"),
        Fact("residual scaling of TF-slim", "block35 0.17, block17 0.1, block8 0.2, the last block8 1.0", SLIM),
        Fact("1 crop", "on the part of the validation set that is not blacklisted, without about 1700 pictures; more "
             "optimistic by about 0.3 % in top-1 and 0.15 % in top-5", "Sec. 5 p.9, Table 2 p.10"),
        Fact("12 crops", "on all 50,000; attributed to GoogLeNet's paper, which has 144 (and counts 1, 10, 144), not "
             "12", "Table 3 p.11"),
        Fact("144 crops", "GoogLeNet's, on all 50,000", "Table 4 p.11"),
        Fact("ensemble", "1 Inception-v4 + 3 Inception-ResNet-v2, 144 crops, on 50,000 and on the test set",
             "Table 5 p.11"),
    ),
)  # fmt: skip

RESNET_V1 = IMAGENET.variant(
    "inception_v4/imagenet-resnet-v1", {"Fig. 23 and 24": "epochs"}, networks="inception_resnet_v1", epochs=200
)

RECIPES = (RESNET_V1, IMAGENET)

"""How He, Zhang, Zhang, Zhang, Xie and Li trained ResNets (arXiv:1812.01187): a baseline, and one trick after another.

Table 6 adds them in this order: efficient training, cosine decay, label smoothing, mixup.
"""

from dataclasses import replace

from ..spec import SGD, Augment, Colour, Cosine, Preprocess, Recipe, Step, Warmup
from .record import Fact, PaperRecipe

GLUON = "code gluon-cv train_imagenet.py"
MEAN, STD = (123.68, 116.779, 103.939), (58.393, 57.12, 57.375)

BASELINE = PaperRecipe(
    Recipe(
        name="bag_of_tricks/imagenet",
        source="He et al. 2018, Sec. 2.1",
        epochs=120,
        batch_size=256,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
        schedule=Step(milestones=(30, 60, 90), factor=0.1),
        preprocess=Preprocess(
            size=224, resize=256, mean=tuple(value / 255 for value in MEAN), std=tuple(value / 255 for value in STD)
        ),
        augment=Augment(
            area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), flip=True,
            colour=Colour(brightness=0.4, contrast=0.4, saturation=0.4), lighting=0.1,
        ),
        precision="float32",
    ),
    networks="resnet*",
    dataset="imagenet",
    said={
        "Sec. 2.1 p.2": "epochs batch_size optimizer.kind optimizer.nesterov optimizer.lr schedule preprocess "
        "augment.area augment.aspect augment.flip augment.colour.brightness augment.colour.saturation "
        "augment.lighting precision protocols",
        GLUON: "optimizer.momentum optimizer.weight_decay augment.colour.contrast augment.colour.hue",
    },
    facts=(
        Fact("initial weights", "Xavier uniform [-a, a], a = sqrt(6/(d_in + d_out)); biases 0, gamma 1, beta 0",
             "Sec. 2.1 p.2"),
        Fact("initial weights of the code", "MSRAPrelu, not Xavier", GLUON),
        Fact("zero gamma", "gamma = 0 where batch normalisation ends a residual block: -efficient", "Sec. 3.1 p.3"),
        Fact("momentum, weight decay", "not given", "Sec. 2.1 p.2"),
        Fact("hardware", "8 V100", "Sec. 2.1 p.2"),
        Fact("decoding", "to float32 [0, 255]", "Sec. 2.1 p.2"),
        Fact("colours", "hue, saturation and brightness scaled by coefficients from [0.6, 1.4]; a hue that is "
             "multiplied is unusual, and the code has contrast in its place", "Sec. 2.1 p.2"),
        Fact("PCA noise", "coefficient from N(0, 0.1), variance or deviation not said", "Sec. 2.1 p.2"),
        Fact("mean and deviation of the code", "the paper's for records, 0.485.. / 0.229.. for folders; shorter edge "
             "256 for every input size", GLUON),
        Fact("Inception-V3", "input resized to 299x299; the code cuts it out of shorter edge 256", "Sec. 2.2"),
        Fact("distillation", "CE(p, softmax(z)) + T^2 * CE(softmax(r/T), softmax(z/T)) with T = 20; teacher "
             "ResNet-152-D trained with cosine and label smoothing (and mixup when the student has it)",
             "Eq. 6 p.7, Sec. 5.5"),
        Fact("test", "one centre crop of 224 of shorter edge 256 (299 for Inception-V3), ILSVRC2012 val",
             "Sec. 2.1-2.2"),
        Fact("Places365", "the same test, val and test", "Table 7"),
        Fact("VOC", "train VOC07+12 trainval, test VOC07, Faster-RCNN with linear warm-up and long schedule, mAP",
             "Sec. 6.1"),
        Fact("ADE20K", "FCN on a dilated base (stages 3, 4), pixel accuracy and mean IoU", "Sec. 6.2"),
    ),
    results="baseline",
)  # fmt: skip

EFFICIENT = BASELINE.variant(
    "bag_of_tricks/imagenet-efficient",
    {"Sec. 3 pp.3-4": "batch_size optimizer.lr optimizer.decay_norm_and_bias warmup model"},
    (
        Fact("linear scaling", "rate 0.1 * b / 256", "Sec. 3 pp.3-4"),
        Fact("warm-up", "linear from 0 over the first m batches (e.g. 5 epochs): i*eta/m at batch i", "Sec. 3 pp.3-4"),
        Fact("no bias decay", "weight decay of convolution and fc weights only, not of biases, gamma and beta",
             "Sec. 3 pp.3-4"),
        Fact("precision", "FP16 for parameters, activations and gradients, an FP32 copy for the update, optional loss "
             "scaling", "Sec. 3 pp.3-4"),
        Fact("no decay in the code", "names ending beta, gamma, bias", GLUON),
    ),
    source="He et al. 2018, Sec. 3",
    batch_size=1024,
    optimizer=replace(BASELINE.recipe.optimizer, lr=0.4, decay_norm_and_bias=False),
    warmup=Warmup(epochs=5, start=0.0, shape="linear"),
    model={"zero_gamma": True},
    precision="auto",
    results="^1 crop$",
)  # fmt: skip

COSINE = EFFICIENT.variant(
    "bag_of_tricks/imagenet-cosine",
    {"Eq. 1 p.5": "schedule"},
    (Fact("cosine", "0.5*(1 + cos(t*pi/T))*eta; the warm-up does not count in T", "Eq. 1 p.5"),),
    source="He et al. 2018, Sec. 5.1",
    schedule=Cosine(),
    results="cosine",
)

SMOOTHING = COSINE.variant(
    "bag_of_tricks/imagenet-smoothing",
    {"Eqs. 4-5 p.6": "label_smoothing"},
    (
        Fact("label smoothing", "eps = 0.1: 1 - eps for the class, eps/(K-1) for the others, best gap "
             "log((K-1)(1-eps)/eps) = 9.104 for K=1000; ours is eps/K for all, as in the code, with a gap of 9.105",
             "Eqs. 4-5 p.6"),
        Fact("label smoothing of the code", "1 - eta + eta/K and eta/K, eta 0.1", GLUON),
    ),
    source="He et al. 2018, Sec. 5.2",
    label_smoothing=0.1,
    results="and label smoothing",
)  # fmt: skip

MIXUP = SMOOTHING.variant(
    "bag_of_tricks/imagenet-mixup",
    {"Eqs. 7-8 p.7, Sec. 5.5": "augment.mixup epochs"},
    (
        Fact("mixup", "x = lam*x_i + (1-lam)*x_j, the same for labels, lam from Beta(0.2, 0.2); only mixed examples; "
             "200 epochs", "Eqs. 7-8 p.7, Sec. 5.5"),
        Fact("mixup of the code", "one lam for a batch, the partner is the reversed batch of each GPU, alpha 0.2; the "
             "last epochs may be without", GLUON),
    ),
    source="He et al. 2018, Sec. 5.4",
    epochs=200,
    augment=replace(BASELINE.recipe.augment, mixup=0.2),
    results="mixup instead",
)  # fmt: skip

# Table 5 trains ResNet-B, C and D in the efficient setting, so that is their default.
RECIPES = (EFFICIENT, BASELINE, COSINE, SMOOTHING, MIXUP)

"""How Huang, Sun, Liu, Sedra and Weinberger trained their networks (arXiv:1603.09382)."""

from ..spec import SGD, Augment, Preprocess, Recipe, Step, Warmup
from . import resnet
from .record import Fact, PaperRecipe

CODE = "code yueatsprograms/Stochastic_Depth"
THIRD = "version 3, Sec. 4"

FACTS = (
    Fact("initial weights", "not stated; in the code He's (gain of relu) for convolutions, their biases 0, linear as "
         "Torch has it", CODE),
    Fact("reported error", "the test error of the epoch with the lowest validation error; one view of 32x32",
         "Sec. 4 p.8"),
    Fact("normalisation", "the mean image of the 45,000 training pictures is taken off, then one deviation for all "
         "channels; ours has one for each", CODE),
    Fact("shared mask", "one draw for a mini-batch, single GPU", CODE),
    Fact("dropped blocks", "gradients are zero, but weight decay and momentum go on", CODE),
)  # fmt: skip

CIFAR10 = PaperRecipe(
    Recipe(
        name="stochastic_depth/cifar10",
        source="Huang et al. 2016, Sec. 4",
        epochs=500,
        batch_size=128,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
        schedule=Step(milestones=(250, 375), factor=0.1),
        preprocess=Preprocess(size=32, resize=None, subtract="pixel"),
        augment=Augment(pad=4, flip=True),
        model={"survival": 0.5, "decay": "linear"},
        val_fraction=0.1,
    ),
    networks="sd_resnet110*",
    dataset="cifar10",
    said={
        "Sec. 4 p.8": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.nesterov "
        "optimizer.weight_decay schedule preprocess.size preprocess.resize augment.pad augment.flip model "
        "val_fraction protocols",
        CODE: "optimizer preprocess.subtract preprocess.mean augment.pad_mode",
    },
    facts=(
        *FACTS,
        Fact("split", "45,000 / 5,000 at random", "Sec. 4 p.8"),
        Fact("drops of the rate", "after 250 and 375 epochs; the code begins them at 250 and 375 of 500", CODE),
        Fact("translation", "by up to 4 pixels, zeros beyond the edge", CODE),
        Fact("dampening", "0", "Sec. 4 p.8"),
    ),
    results="^(?!.*(constant|without))",
)  # fmt: skip

CIFAR10_1202 = CIFAR10.variant(
    "stochastic_depth/cifar10-1202",
    {"Sec. 4 p.10-11": "epochs schedule warmup"},
    networks="sd_resnet1202",
    epochs=300,
    schedule=Step(milestones=(150, 225), factor=0.1),
    warmup=Warmup(epochs=10, start=0.1, shape="constant"),
)

CIFAR100 = CIFAR10.variant("stochastic_depth/cifar100", dataset="cifar100")

SVHN = CIFAR10.variant(
    "stochastic_depth/svhn",
    {"Sec. 4 p.9": "epochs batch_size schedule preprocess.mean preprocess.std augment.pad augment.flip val_fraction"},
    (
        Fact("training pictures", "598,388, extra ones among them; validation 6,000: 400 of each class from train and "
             "200 from extra, every 200 iterations", "Sec. 4 p.9"),
        Fact("network", "of 152 layers", "Sec. 4 p.9"),
    ),
    networks="sd_resnet152_svhn",
    dataset="svhn",
    epochs=50,
    schedule=Step(milestones=(30, 35), factor=0.1),
    augment=Augment(),
    val_fraction=6000 / 604_388,
)  # fmt: skip

IMAGENET = CIFAR10.variant(
    "stochastic_depth/imagenet",
    {
        THIRD: "epochs batch_size schedule",
        f"{THIRD}: settings of fb.resnet.torch": "optimizer preprocess augment.area augment.aspect augment.flip "
        "augment.colour augment.lighting",
    },
    (
        Fact("epochs", "90, extended to 120 with a rate of 1e-4 from epoch 90 on", THIRD),
        Fact("hardware", "4 GPUs", THIRD),
    ),
    networks="sd_resnet152_imagenet",
    dataset="imagenet",
    source="Huang et al. 2016, version 3, Sec. 4",
    epochs=120,
    schedule=Step(milestones=(30, 60, 90), factor=0.1),
    preprocess=resnet.FB_PREPROCESS,
    augment=resnet.FB_AUGMENT,
    results="120 epochs$",
)

RECIPES = (CIFAR10, CIFAR10_1202, CIFAR100, SVHN, IMAGENET)

"""How Huang, Liu, van der Maaten and Weinberger trained DenseNets (arXiv:1608.06993)."""

from ..spec import SGD, Augment, Preprocess, Recipe, Step
from . import resnet
from .record import Fact, PaperRecipe

FACTS = (
    Fact("initial weights", "as [10] (He)", "Sec. 4.2 p.5"),
    Fact("initial weights of the code", "convolutions normal, std sqrt(2/(k*k*out)); gamma 1, beta 0; fc bias 0",
         "code liuzhuang13/DenseNet"),
    Fact("dampening", "none", "Sec. 4.2 p.5"),
)  # fmt: skip

CIFAR10 = PaperRecipe(
    Recipe(
        name="densenet/cifar10",
        source="Huang et al. 2016, Sec. 4.1 and 4.2",
        epochs=300,
        batch_size=64,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
        schedule=Step(milestones=(150, 225), factor=0.1),
        preprocess=Preprocess(size=32, resize=None),
        augment=Augment(pad=4, flip=True),
        val_fraction=0.0,
    ),
    networks="densenet_*",
    dataset="cifar10",
    said={
        "Sec. 4.2 p.5": "epochs batch_size optimizer schedule",
        "Sec. 4.1 p.5": "preprocess augment.flip val_fraction protocols",
        "code fb.resnet.torch": "augment.pad",
    },
    facts=(
        *FACTS,
        Fact("drops of the rate", "at 50 % and 75 % of the epochs", "Sec. 4.2 p.5"),
        Fact("dropout", "0.2 after every convolution but the first, only without augmentation: recipes -plain",
             "Sec. 4.2 p.5"),
        Fact("validation", "5000 pictures held out to select; the final run is on all 50000, and its error is that at "
             "the end of training", "Sec. 4.1 p.5"),
        Fact("augmentation", "mirroring and shifting; in the code a flip and a random crop after padding by 4",
             "Sec. 4.1 p.5"),
        Fact("runs", "one for each setting; one view", "Table 2"),
    ),
    results="translation",
)  # fmt: skip

CIFAR10_PLAIN = CIFAR10.variant(
    "densenet/cifar10-plain",
    {"Sec. 4.2 p.5": "model augment.pad augment.flip"},
    augment=Augment(),
    model={"dropout": 0.2},
    results="bare",
)

CIFAR100 = CIFAR10.variant("densenet/cifar100", dataset="cifar100")
CIFAR100_PLAIN = CIFAR10_PLAIN.variant("densenet/cifar100-plain", dataset="cifar100")

SVHN = CIFAR10_PLAIN.variant(
    "densenet/svhn",
    {
        "Sec. 4.2 p.5": "epochs schedule",
        "Sec. 4.1 p.5": "preprocess.mean preprocess.std augment.pad augment.flip val_fraction",
    },
    (
        Fact("preprocessing of SVHN", "divided by 255, nothing else", "Sec. 4.1 p.5"),
        Fact("validation of SVHN", "6000 pictures of the training set; the model with the lowest validation error is "
             "reported", "Sec. 4.1 p.5"),
    ),
    dataset="svhn",
    epochs=40,
    schedule=Step(milestones=(20, 30), factor=0.1),
    preprocess=Preprocess(size=32, resize=None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    val_fraction=6000 / 604_388,
    results="",
)  # fmt: skip

IMAGENET = PaperRecipe(
    Recipe(
        name="densenet/imagenet",
        source="Huang et al. 2016, Sec. 4.2, and fb.resnet.torch",
        epochs=90,
        batch_size=256,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
        schedule=Step(milestones=(30, 60), factor=0.1),
        preprocess=resnet.FB_PREPROCESS,
        augment=resnet.FB_AUGMENT,
        protocols=("1crop", "10crop"),
    ),
    networks="densenet1* densenet2*",
    dataset="imagenet",
    said={
        "Sec. 4.2 p.5": "epochs batch_size optimizer schedule",
        "Sec. 4.1 p.5, as fb.resnet.torch": "preprocess augment.area augment.aspect augment.flip augment.colour "
        "augment.lighting protocols",
    },
    facts=(*FACTS, Fact("test", "one crop and ten crops of 224x224", "Sec. 4.1 p.5")),
)

RECIPES = (CIFAR10, CIFAR10_PLAIN, CIFAR100, CIFAR100_PLAIN, SVHN, IMAGENET)

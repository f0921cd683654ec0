"""How Lin, Chen and Yan trained their networks (arXiv:1312.4400), with the numbers of the first author's files.

The paper prints no rates and no schedule. Its files multiply the loss by a number; the rates here are the products.
"""

from dataclasses import replace

from ..spec import RAW, SGD, Augment, Preprocess, Recipe, Step
from .record import Fact, PaperRecipe

FILES = "code params files"
README = "code readme"
MEMORY = "from memory"

FACTS = (
    Fact("initial weights", "Gaussian, std 0.05; for CIFAR-100 0.001 in conv1, 0.01 in cccp1 and cccp2; biases 0",
         FILES),
    Fact("initial weights in the paper", "set by hand, as the learning rates; no numbers", f"Sec. 4.1, {MEMORY}"),
    Fact("update", "v <- mom*v + eps*coeff*grad - eps*wc*w: the rate is eps*coeff, the decay wc/coeff",
         "code cuda-convnet"),
    Fact("CIFAR-10, SVHN, MNIST", "epsW 1, epsB 2, wc 1e-5, loss coefficient 0.1; cccp6: epsW 0.1, epsB 0.2", FILES),
    Fact("CIFAR-100", "epsW 0.01, epsB 0.02, wc 0.001, loss coefficient 2; cccp6 the same rates", FILES),
    Fact("dropout", "0.5 on the outputs of all mlpconv layers but the last; in the files behind the poolings",
         "Sec. 4.1"),
    Fact("schedule", "until training accuracy stops improving, rate / 10, once more: the final rate is 1 %",
         f"Sec. 4.1, {MEMORY}"),
    Fact("weight decay", "as Krizhevsky et al., tuned on validation", f"Sec. 4.1, {MEMORY}"),
    Fact("tuned", "kernel sizes and weight decay on CIFAR-10's validation; widths of the maxout networks; CIFAR-100 "
         "takes CIFAR-10's settings", f"Sec. 4.2 and 4.3, {MEMORY}"),
)  # fmt: skip

CIFAR10 = PaperRecipe(
    Recipe(
        name="nin/cifar10",
        source="Lin et al. 2013, Sec. 4.1 and 4.2, and the first author's files",
        epochs=260,
        batch_size=128,
        optimizer=SGD(
            lr=0.1, momentum=0.9, form="paper", weight_decay=1e-4, decay_norm_and_bias=False, bias_rate=2, head_rate=0.1
        ),
        schedule=Step(milestones=(200, 230), factor=0.1),
        preprocess=Preprocess(size=32, resize=None, contrast=55, whiten=0.1),
        augment=Augment(pad=4, flip=True),
        val_fraction=0.0,
    ),
    networks="nin_cifar nin_cifar_caffe",
    dataset="cifar10",
    said={
        "code cuda-convnet": "optimizer.form",
        FILES: "optimizer",
        README: "epochs schedule val_fraction",
        f"Sec. 4.1, {MEMORY}": "batch_size",
        f"Sec. 4.2, {MEMORY}": "preprocess.size preprocess.resize augment.flip protocols",
        f"code pylearn2, {MEMORY}": "preprocess.contrast preprocess.whiten",
    },
    facts=(
        *FACTS,
        Fact("schedule", "200 epochs at the first rates (test error about 14 %), 30 at a tenth (10.7 %), 30 at a "
             "hundredth (10.4 %), on all 50,000 pictures", README),
        Fact("Caffe solver", "base_lr 0.1, weight_decay 1e-4, momentum 0.9, x0.1 every 100,000 of 120,000 iterations",
             "code nin-cifar10/solver.prototxt"),
        Fact("preprocessing", "global contrast normalisation and ZCA whitening as for maxout networks", "Sec. 4.2"),
        Fact("amount of translation", "not in the paper; the author's provider crops from a border of zeros whose "
             "width is an option", "code cifar provider"),
        Fact("validation", "40,000 and 10,000 pictures to tune, then all 50,000", f"Sec. 4.2, {MEMORY}"),
    ),
    results="translation",
)  # fmt: skip

CIFAR10_PLAIN = CIFAR10.variant(
    "nin/cifar10-plain",
    {f"Sec. 4.2, {MEMORY}": "augment.pad augment.flip"},
    augment=Augment(),
    results="one view$",
)

CIFAR100 = CIFAR10_PLAIN.variant(
    "nin/cifar100",
    {FILES: "optimizer"},
    networks="nin_cifar100",
    dataset="cifar100",
    source="Lin et al. 2013, Sec. 4.1 and 4.3, and the first author's files",
    optimizer=replace(CIFAR10.recipe.optimizer, lr=0.02, weight_decay=5e-4, head_rate=1),
)

SVHN = CIFAR10_PLAIN.variant(
    "nin/svhn",
    {FILES: "optimizer", f"Sec. 4.1, {MEMORY}": "schedule.factor"},
    (
        Fact("preprocessing", "local contrast normalisation, for which ours is global", f"Sec. 4.4, {MEMORY}"),
        Fact("validation", "400 training and 200 extra pictures of each class", f"Sec. 4.4, {MEMORY}"),
        Fact("schedule for SVHN and MNIST", 'none ("coming soon")', README),
    ),
    networks="nin_svhn",
    dataset="svhn",
    source="Lin et al. 2013, Sec. 4.1 and 4.4, and the first author's files",
    epochs=26,  # as many steps as for CIFAR-10, about
    schedule=Step(milestones=(20, 23), factor=0.1),
    preprocess=Preprocess(size=32, resize=None, contrast=55),
    val_fraction=6000 / 604_388,
    unsaid="schedule",
)

MNIST = CIFAR10_PLAIN.variant(
    "nin/mnist",
    {f"Sec. 4.5, {MEMORY}": "preprocess.size preprocess.resize", f"Sec. 4.1, {MEMORY}": "schedule.factor"},
    (
        Fact("preprocessing", "none besides scaling; ours is to mean 0 and about three times the deviation 1: at the "
             "files' rate, pixels of 0 to 255 diverge, and smaller ones leave the classes that the last ReLU silences "
             "silent for long", f"Sec. 4.5, {MEMORY}"),
        Fact("schedule for SVHN and MNIST", 'none ("coming soon")', README),
    ),
    networks="nin_mnist",
    dataset="mnist",
    source="Lin et al. 2013, Sec. 4.1 and 4.5, and the first author's files",
    epochs=20,
    schedule=Step(milestones=(14, 17), factor=0.1),
    preprocess=Preprocess(size=28, resize=None, channels=1, mean=(0.13,), std=(0.1,)),
    val_fraction=0.1,
    unsaid="schedule",
)  # fmt: skip

IMAGENET = PaperRecipe(
    Recipe(
        name="nin/imagenet",
        source="the first author's Caffe files",
        epochs=22,  # 450,000 iterations of 64
        batch_size=64,
        optimizer=SGD(lr=0.01, momentum=0.9, form="paper", weight_decay=5e-4, decay_norm_and_bias=False, bias_rate=2),
        schedule=Step(milestones=(10, 20), factor=0.1),
        preprocess=Preprocess(size=224, resize=256, std=RAW),
        augment=Augment(flip=True),
    ),
    networks="nin_imagenet",
    dataset="imagenet",
    said={
        "code solver.prototxt": "epochs batch_size optimizer schedule",
        f"code train_val.prototxt, {MEMORY}": "preprocess.size preprocess.mean preprocess.std augment.flip",
        "code readme": "protocols",
    },
    facts=(
        Fact("steps", "x0.1 every 200,000 of 450,000 iterations", "code solver.prototxt"),
        Fact("in the paper", "nothing: the network came after it, as a Caffe file", "code readme"),
    ),
)

RECIPES = (CIFAR10, CIFAR10_PLAIN, CIFAR100, SVHN, MNIST, IMAGENET)

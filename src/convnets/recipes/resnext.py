"""How Xie, Girshick, Dollár, Tu and He trained ResNeXt (arXiv:1611.05431), with fb.resnet.torch."""

from ..spec import SGD, Augment, Recipe, Step
from . import resnet
from .record import Fact, PaperRecipe

CODE = "code facebookresearch/ResNeXt"

FACTS = (
    Fact("initial weights", "as in [13] (He)", "Sec. 4 p.5"),
    Fact("initial weights of the code", "convolutions normal, std sqrt(2/(k*k*out)), out being all output channels of "
         "a grouped convolution; gamma 1, beta 0; fc bias 0", CODE),
)  # fmt: skip

IMAGENET = PaperRecipe(
    Recipe(
        name="resnext/imagenet",
        source="Xie et al. 2016, Sec. 4, and fb.resnet.torch",
        epochs=90,
        batch_size=256,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
        schedule=Step(milestones=(30, 60), factor=0.1),
        preprocess=resnet.FB_PREPROCESS,
        augment=resnet.FB_AUGMENT,
        protocols=("1crop", "1crop@320/320", "dense@224+256+384+480+640"),
    ),
    networks="resnext50* resnext1* plain*",
    dataset="imagenet",
    said={
        "Sec. 4 p.5": "batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.weight_decay schedule.kind "
        "schedule.factor preprocess.size preprocess.resize augment.area augment.aspect protocols",
        "Fig. 5": "epochs",
        CODE: "optimizer schedule.milestones",
        resnet.TORCH: "augment.flip augment.colour augment.lighting preprocess",
    },
    facts=(
        *FACTS,
        Fact("hardware", "8 GPUs (32 pictures each)", "Sec. 4 p.5"),
        Fact("schedule", "rate / 10 three times by fb.resnet.torch's schedule: every 30 epochs; a third drop would be "
             "the end of 90", "Sec. 4 p.5"),
        Fact("augmentation", "scale and aspect ratio of GoogLeNet as in fb.resnet.torch (area 8-100%, aspect "
             "3/4-4/3); its colour jitter and lighting are implied", "Sec. 4 p.5"),
        Fact("test", "one 224x224 centre crop of shorter side 256; 320 crops in Table 5; dense over scales as ResNet's",
             "Sec. 4 p.5, Table 5"),
    ),
    results="^(?!.*5K)",
)  # fmt: skip

CIFAR10 = PaperRecipe(
    Recipe(
        name="resnext/cifar10",
        source="Xie et al. 2016, App. A",
        epochs=300,
        batch_size=128,
        optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        schedule=Step(milestones=(150, 225), factor=0.1),
        preprocess=resnet.FB_CIFAR,
        augment=Augment(pad=4, flip=True),
        val_fraction=0.0,
    ),
    networks="resnext29_*",
    dataset="cifar10",
    said={
        "App. A p.9": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.weight_decay "
        "schedule.kind schedule.milestones augment.pad augment.pad_mode augment.flip",
        CODE: "optimizer schedule.factor preprocess val_fraction",
        "Sec. 5.3": "protocols",
    },
    facts=(
        *FACTS,
        Fact("hardware", "8 GPUs", "App. A p.9"),
        Fact("drops of the rate", "in the code at epochs 148 and 223 of 300", CODE),
        Fact("runs", "average of 10; one view", "Table 7 p.8"),
        Fact("first version", "pre-activated bottlenecks and batches of 256", "code readme"),
    ),
)

CIFAR100 = CIFAR10.variant("resnext/cifar100", dataset="cifar100")

RECIPES = (IMAGENET, CIFAR10, CIFAR100)

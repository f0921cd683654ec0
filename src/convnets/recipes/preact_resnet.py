"""How He, Zhang, Ren and Sun trained pre-activation networks (arXiv:1603.05027): as the first ones, where not said."""

from dataclasses import replace

from ..spec import SGD, Augment, Step, Warmup
from . import resnet
from .record import Fact, PaperRecipe

APPENDIX = "Appendix p.14"
CODE = "code KaimingHe/resnet-1k-layers"

FACTS = (
    Fact("initial weights", "as in [23], He (Delving Deep)", APPENDIX),
    Fact("initial weights of the code", "convolutions normal, std sqrt(2/(k*k*out)); gamma 1, beta 0, fc bias 0",
         CODE),
    Fact("initial bias of gates", "b_g from 0 to -10 in steps of -1, searched on the training set by cross-validation",
         "Sec. 3.1"),
)  # fmt: skip

CIFAR10 = PaperRecipe(
    replace(
        resnet.CIFAR10.recipe,
        name="preact_resnet/cifar10",
        source="He et al. 2016, appendix",
        optimizer=SGD(lr=0.1, momentum=0.9, weight_decay=1e-4),
        warmup=Warmup(epochs=400 * 128 / 45_000, start=0.1, shape="constant"),
    ),
    networks="*resnet110* *resnet164* *resnet1001*",
    dataset="cifar10",
    said={
        APPENDIX: "batch_size optimizer.kind optimizer.lr optimizer.weight_decay optimizer.momentum epochs schedule "
        "warmup augment.pad augment.flip",
        "[1] Sec. 4.2, the first ResNet paper": "preprocess augment.pad_mode val_fraction",
        CODE: "optimizer",
        "Sec. 3.1": "protocols",
    },
    facts=(
        *FACTS,
        Fact("iterations", "64,000 as [1], curves to 6.4e4; rate / 10 at 32,000 and 48,000", APPENDIX),
        Fact("warm-up", "0.01 for the first 400 iterations, then 0.1, in all CIFAR experiments; said not to be needed "
             "for the proposed unit", APPENDIX),
        Fact("batches", "128 on 2 GPUs (64 each); the dagger result, 4.62, with 64, as in the code: -b 64", APPENDIX),
        Fact("augmentation", "translation and flip as in ResNet v1, nothing else", APPENDIX),
        Fact("dropout", "none", APPENDIX),
        Fact("runs", "median of 5; fail means above 20 %", "Sec. 3.1"),
        Fact("duration", "ResNet-1001 about 27 hours on 2 GPUs", APPENDIX),
    ),
)  # fmt: skip

CIFAR100 = CIFAR10.variant("preact_resnet/cifar100", dataset="cifar100")

IMAGENET = PaperRecipe(
    replace(
        resnet.IMAGENET.recipe,
        name="preact_resnet/imagenet",
        source="He et al. 2016, Sec. 5 and appendix",
        epochs=90,
        optimizer=SGD(lr=0.1, momentum=0.9, weight_decay=1e-4),
        schedule=Step(milestones=(30, 60), factor=0.1),
        bn_average=0,
        protocols=("1crop@320/320", "1crop@256/224"),
    ),
    networks="preact_resnet18* preact_resnet34* preact_resnet50* *resnet101_* preact_resnet101 preact_resnet152* "
    "*resnet200",
    dataset="imagenet",
    said={
        APPENDIX: "batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.weight_decay schedule warmup",
        resnet.TORCH: "epochs",
        CODE: "optimizer",
        "Sec. 5 p.13": "preprocess.size preprocess.resize augment.scale augment.flip protocols",
        "[1] Sec. 3.4, the first ResNet paper": "preprocess.subtract preprocess.mean preprocess.std augment.lighting",
    },
    facts=(
        *FACTS,
        Fact("epochs", "not stated; 90 in fb.resnet.torch", APPENDIX),
        Fact("hardware", "8 GPUs (32 pictures each); ResNet-200 about 3 weeks", APPENDIX),
        Fact("test", "one crop: 224 from shorter side 256, or 320 from shorter side 320; trained at 224, tested at "
             "320 since fully convolutional", "Sec. 5 p.13"),
        Fact("why 320", "training scales of 256-480 make a 224 crop at 256 negatively biased", "Sec. 5 p.13"),
    ),
    results="^(?!.*aspect)",
)  # fmt: skip

IMAGENET_ASPECT = IMAGENET.variant(
    "preact_resnet/imagenet-aspect",
    {"Table 5 p.13 (dagger)": "augment.area augment.aspect augment.scale"},
    (Fact("dagger", "scale and aspect ratio augmentation of GoogLeNet", "Sec. 5, Table 5 p.13"),),
    augment=Augment(area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), flip=True, lighting=0.1),
    results="aspect",
)

RECIPES = (CIFAR10, CIFAR100, IMAGENET, IMAGENET_ASPECT)

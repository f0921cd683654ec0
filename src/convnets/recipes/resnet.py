"""How He, Zhang, Ren and Sun trained their networks (arXiv:1512.03385), and the settings of fb.resnet.torch.

Many later papers train with the latter: `FB_AUGMENT`, `FB_PREPROCESS`.
"""

from ..spec import RAW, SGD, Augment, Colour, Plateau, Preprocess, Recipe, Step, Warmup
from .record import Fact, PaperRecipe

CAFFE = "code Caffe readme"
TORCH = "code fb.resnet.torch"

FB_AUGMENT = Augment(area=(0.08, 1.0), flip=True, colour=Colour(0.4, 0.4, 0.4), lighting=0.1)
FB_PREPROCESS = Preprocess(size=224, resize=256, interpolation="bicubic")
FB_CIFAR = Preprocess(size=32, resize=None)

FACTS = (
    Fact("initial weights", "He (MSRA, fan-in) normal, plain and residual from scratch", "Sec. 3.4 and 4.2"),
    Fact("initial biases and batch normalisation", "no biases in convolutions; gamma 1 and beta 0 not stated",
         "Sec. 3.4"),
    Fact("initial weights of others", "normal with std sqrt(2/(k*k*out_channels)), fan-out; fc bias 0, fc weights "
         "uniform", TORCH),
    Fact("dropout", "none", "Sec. 3.4 and 4.2"),
    Fact("momentum", "v = m*v + lr*g, the rate inside the velocity", CAFFE),
    Fact("weight decay", "of all weights; the paper's is said to be of convolutions only", f"{TORCH} README"),
)  # fmt: skip

CIFAR10 = PaperRecipe(
    Recipe(
        name="resnet/cifar10",
        source="He et al. 2015, Sec. 4.2",
        epochs=182,  # 64,000 iterations of 128 out of 45,000 pictures
        batch_size=128,
        optimizer=SGD(lr=0.1, momentum=0.9, form="paper", weight_decay=1e-4),
        schedule=Step(milestones=(91, 136.5), factor=0.1),
        preprocess=Preprocess(size=32, resize=None, subtract="pixel", std=RAW),
        augment=Augment(pad=4, flip=True),
        val_fraction=0.1,
    ),
    networks="resnet20* resnet32* resnet44* resnet56* plain20 plain32 plain44 plain56",
    dataset="cifar10",
    said={
        CAFFE: "optimizer.form",
        "Sec. 4.2 p.7": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.weight_decay "
        "schedule preprocess.size preprocess.resize preprocess.subtract preprocess.mean preprocess.std augment.pad "
        "augment.pad_mode augment.flip val_fraction protocols",
    },
    facts=(
        *FACTS,
        Fact("iterations", "64,000; rate / 10 at 32,000 and 48,000, found on a split of 45k/5k", "Sec. 4.2 p.7"),
        Fact("reported networks", "trained on all 50,000 pictures: --val-fraction 0 --epochs 164", "Sec. 4.2 p.7"),
        Fact("drops on 50,000 pictures", "at epochs 81 and 122 of 164", TORCH),
        Fact("normalisation of others", "means [125.3,123.0,113.9] and deviations [63.0,62.1,66.7] by channel", TORCH),
        Fact("hardware", "2 GPUs", "Sec. 4.2 p.7"),
    ),
)

CIFAR10_110 = CIFAR10.variant(
    "resnet/cifar10-110",
    {"Sec. 4.2 p.7": "warmup.start warmup.shape warmup.until_error"},
    (
        Fact("warm-up", "0.01 until the training error is below 80 %, about 400 iterations; then 0.1, the rest of the "
             "schedule as it was", "Sec. 4.2 p.7"),
        Fact("warm-up of 1202 layers", "trained as described above; stochastic depth's authors took 10 epochs of 0.01",
             "Sec. 4.2"),
    ),
    networks="resnet110* resnet1202* plain110",
    warmup=Warmup(epochs=10, start=0.1, shape="constant", until_error=80),
)  # fmt: skip

IMAGENET = PaperRecipe(
    Recipe(
        name="resnet/imagenet",
        source="He et al. 2015, Sec. 3.4",
        epochs=120,  # 600,000 iterations of 256
        batch_size=256,
        optimizer=SGD(lr=0.1, momentum=0.9, form="paper", weight_decay=1e-4),
        schedule=Plateau(factor=0.1, patience=5, drops=3),
        preprocess=Preprocess(size=224, resize=256, subtract="pixel", std=RAW),
        augment=Augment(scale=(256, 480), flip=True, lighting=0.1),
        bn_average=25_600,
        protocols=("10crop", "dense@224+256+384+480+640", "1crop"),
    ),
    networks="resnet18* resnet34* resnet50* resnet101* resnet152* plain18 plain34",
    dataset="imagenet",
    said={
        CAFFE: "optimizer.form preprocess.resize",
        "Sec. 3.4 p.4": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.weight_decay "
        "schedule.kind schedule.factor preprocess.size preprocess.subtract preprocess.mean preprocess.std "
        "augment.scale augment.flip augment.lighting protocols",
    },
    facts=(
        *FACTS,
        Fact("iterations", "up to 600,000, about 120 epochs", "Sec. 3.4 p.4"),
        Fact("drops of the rate", "at 150,000 and 300,000 iterations, epochs 30 and 60; curves to 550,000",
             "Fig. 4 p.5"),
        Fact("ten crops", "of 224x224 from shorter side 256, mean of the soft-max scores", CAFFE),
        Fact("ten crops of others", "the networks' raw outputs are summed", TORCH),
        Fact("batch normalisation in tests", "statistics are a plain average over a sufficiently large training batch "
             "after training", CAFFE),
        Fact("curves", "of the centre crop", "Fig. 4 p.5"),
        Fact("hardware", "8 GPUs with 32 pictures each", CAFFE),
        Fact("warm-up", "none stated", "Sec. 3.4 p.4"),
        Fact("augmentation of others", "area 8 to 100 %, aspect 3/4 to 4/3, bicubic; brightness, contrast and "
             "saturation 0.4 in random order; lighting 0.1; 90 epochs, x0.1 every 30", TORCH),
    ),
    results="^(?!.*another recipe)",
)  # fmt: skip

RECIPES = (CIFAR10_110, CIFAR10, IMAGENET)

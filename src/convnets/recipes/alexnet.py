"""How Krizhevsky, Sutskever and Hinton trained AlexNet (NIPS 2012)."""

from ..spec import RAW, SGD, Augment, Plateau, Preprocess, Recipe
from .record import Fact, PaperRecipe

CUDA = "code cuda-convnet2"

IMAGENET = PaperRecipe(
    Recipe(
        name="alexnet/imagenet",
        source="Krizhevsky et al. 2012, Sec. 2, 4 and 5",
        epochs=90,
        batch_size=128,
        optimizer=SGD(lr=0.01, momentum=0.9, form="paper", weight_decay=5e-4),
        schedule=Plateau(factor=0.1, patience=5, drops=3),
        preprocess=Preprocess(size=224, resize=256, centre=256, subtract="pixel", std=RAW),
        augment=Augment(flip=True, lighting=0.1),
        protocols=("10crop", "1crop"),
    ),
    networks="alexnet alexnet_half alexnet_owt",
    dataset="imagenet",
    said={
        "Sec. 5 p.6": "epochs batch_size optimizer.kind optimizer.lr optimizer.momentum optimizer.form "
        "optimizer.weight_decay schedule.kind schedule.factor schedule.drops",
        "Sec. 2 p.2": "preprocess.resize preprocess.centre preprocess.subtract preprocess.mean preprocess.std",
        "Sec. 4.1 p.5": "preprocess.size augment.flip augment.lighting protocols",
    },
    facts=(
        Fact("initial weights", "Gaussian, mean 0, std 0.01, all layers", "Sec. 5 p.6"),
        Fact("initial biases", "1 in conv2, conv4, conv5, fc6, fc7; 0 in conv1, conv3, fc8", "Sec. 5 p.6"),
        Fact("update", "v <- 0.9*v - 0.0005*lr*w - lr*grad; w <- w + v", "Sec. 5 p.6"),
        Fact("schedule", "rate / 10 when the validation error stops improving, by hand, 3 times: 0.01 to 1e-5",
             "Sec. 5 p.7"),
        Fact("epochs", "roughly 90 passes over 1.2 million pictures", "Sec. 5 p.7"),
        Fact("hardware", "two GTX 580 3GB, five to six days", "Sec. 5 p.7"),
        Fact("loss", "multinomial logistic regression", "Sec. 3.5 p.4"),
        Fact("dropout", "0.5 on the outputs of fc6 and fc7; in test all units, times 0.5", "Sec. 4.2 p.6"),
        Fact("crops", "random 224x224 out of the stored 256x256, said to be 2048 with mirrors; there are 33*33*2 = "
             "2178", "Sec. 4.1 p.5-6"),
        Fact("lighting", "to every pixel [p1 p2 p3][a1*l1, a2*l2, a3*l3]^T of the RGB covariance over the training "
             "set is added, a of std 0.1, drawn once for a picture's use; pixels of 0 to 1 give the intended size",
             "Sec. 4.1 p.5-6"),
        Fact("10 crops", "4 corners + centre of 224x224 out of 256x256, and their mirrors; mean of the soft-max",
             "Sec. 4.1 p.5"),
        Fact("1 crop", "one patch; which is not said, the centre presumed", "footnote 5 p.7"),
        Fact("metric", "top-1 and top-5 error rate", "Sec. 2 p.2"),
        Fact("biases in the author's code", "twice the rate, no decay", CUDA),
        Fact("rates in the author's code", "0.01 in 4 discrete exponential steps to /250; biases 0.02 in 2 steps to "
             "/10", CUDA),
    ),
)  # fmt: skip

RECIPES = (IMAGENET,)

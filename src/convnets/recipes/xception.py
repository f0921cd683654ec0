"""How Chollet trained Xception (arXiv:1610.02357): with settings tuned for Inception v3, most of them its own."""

from ..spec import SGD, Exponential, Recipe
from . import inception_v3
from .record import Fact, PaperRecipe

IMAGENET = PaperRecipe(
    Recipe(
        name="xception/imagenet",
        source="Chollet 2016, Sec. 4",
        epochs=100,
        batch_size=256,
        optimizer=SGD(lr=0.045, momentum=0.9, weight_decay=1e-5),
        schedule=Exponential(factor=0.94, every=2),
        preprocess=inception_v3.PREPROCESS,
        augment=inception_v3.AUGMENT,
        ema=0.9999,
        model={"dropout": 0.5},
    ),
    networks="xception xception_intermediate_* xception_non_residual xception_timm",
    dataset="imagenet",
    said={
        "Sec. 4.2 p.4": "optimizer.kind optimizer.lr optimizer.momentum schedule",
        "Sec. 4.3 p.4": "optimizer.weight_decay auxiliary model",
        "Sec. 4.5.1 p.5": "protocols",
        "Fig. 5": "preprocess.size",
    },
    facts=(
        Fact("initial weights", "not given; Keras has Glorot uniform (from memory), timm Kaiming normal fan_out",
             "code keras, timm"),
        Fact("weight decay", "1e-5 for Xception, 4e-5 for Inception V3", "Sec. 4.3 p.4"),
        Fact("dropout", "0.5 before the logistic regression", "Sec. 4.3 p.4"),
        Fact("auxiliary loss", "none", "Sec. 4.3 p.4"),
        Fact("hardware", "60 NVIDIA K80, synchronous, about 3 days", "Sec. 4.4 p.4"),
        Fact("steps", "curves show about 113,000 (Xception) to 120,000", "Fig. 6"),
        Fact("batch_size, augmentation", "not given", "Sec. 4.2-4.4 p.4"),
        Fact("label smoothing, gradient clipping", "not mentioned", "Sec. 4.2-4.4 p.4"),
        Fact("Polyak averaging", "at inference for all models, its decay not given", "Sec. 4.2 p.4"),
        Fact("tuning", "the settings were tuned for Inception V3, not for Xception", "Sec. 4.2 p.4"),
        Fact("single crop", "single model, on the validation pictures that are not blacklisted; the crop is not "
             "described; Keras scales to [-1, 1], timm resizes to 333 for 299 (crop_pct 0.8975), bicubic",
             "Sec. 4.5.1 p.5"),
        Fact("JFT, optimizer", "RMSprop, momentum 0.9, initial rate 0.001, x0.9 every 3,000,000 samples; decay and "
             "epsilon not given; weight decay as on ImageNet, no dropout", "Sec. 4.2-4.5"),
        Fact("JFT, hardware", "60 K80, asynchronous, over one month, 30e6 iterations, not to convergence (over three "
             "months needed)", "Sec. 4.2-4.5"),
        Fact("JFT, loss", "not given (multi-label, 17000 classes)", "Sec. 4.2-4.5"),
        Fact("JFT, test", "FastEval14k (14000 images, about 6000 classes, 36.5 labels per image), MAP@100 with "
             "class-frequency weights, after 30e6 iterations", "Sec. 4.1, 4.5.1"),
    ),
)  # fmt: skip

RECIPES = (IMAGENET,)

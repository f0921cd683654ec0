"""How He, Zhang, Ren and Sun trained their networks (arXiv:1512.03385)."""

from ..spec import SGD, Augment, Plateau, Preprocess, Recipe, Step

CIFAR10 = Recipe(  # Sec. 4.2
    name="resnet/cifar10",
    source="He et al. 2015, Sec. 4.2",
    epochs=182,  # 64,000 iterations of 128 out of 45,000 pictures
    batch_size=128,  # Sec. 4.2
    optimizer=SGD(lr=0.1, momentum=0.9, weight_decay=1e-4),  # Sec. 4.2; without the warm-up of its 110 layers
    schedule=Step(milestones=(91, 136.5), factor=0.1),  # 32,000 and 48,000 iterations
    preprocess=Preprocess(size=32, resize=None),  # one mean per channel: ours, the paper has one per pixel
    augment=Augment(pad=4, flip=True),  # Sec. 4.2
    val_fraction=0.1,  # "a 45k/5k train/val split"
    precision="float32",
)

IMAGENET = Recipe(  # Sec. 3.4
    name="resnet/imagenet",
    source="He et al. 2015, Sec. 3.4",
    epochs=120,  # "up to 60 x 10^4 iterations" of 256
    batch_size=256,  # Sec. 3.4
    optimizer=SGD(lr=0.1, momentum=0.9, weight_decay=1e-4),  # Sec. 3.4
    schedule=Plateau(factor=0.1, patience=5),  # "divided by 10 when the error plateaus"; the patience is ours
    preprocess=Preprocess(size=224, resize=256),  # ours: the paper draws the shorter side from 256 to 480
    augment=Augment(flip=True),  # ours: without the paper's colour augmentation
)

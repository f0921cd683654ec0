"""How Simonyan and Zisserman trained their networks (arXiv:1409.1556)."""

from ..spec import SGD, Augment, Plateau, Preprocess, Recipe

IMAGENET = Recipe(
    name="vgg/imagenet",
    source="Simonyan and Zisserman 2015, Sec. 3.1, S = 256",
    epochs=74,  # Sec. 3.1
    batch_size=256,  # Sec. 3.1
    optimizer=SGD(lr=0.01, momentum=0.9, weight_decay=5e-4),  # Sec. 3.1
    schedule=Plateau(factor=0.1, patience=5, drops=3),  # Sec. 3.1; the patience is ours
    preprocess=Preprocess(size=224, resize=256),  # Sec. 3.1, S = 256
    augment=Augment(flip=True),  # Sec. 3.1; ours: without the change of colours
)

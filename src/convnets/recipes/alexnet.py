"""How Krizhevsky, Sutskever and Hinton trained AlexNet (NIPS 2012)."""

from ..spec import SGD, Augment, Plateau, Preprocess, Recipe

IMAGENET = Recipe(
    name="alexnet/imagenet",
    source="Krizhevsky et al. 2012, Sec. 2, 4.1 and 5",
    epochs=90,  # "roughly 90 cycles"
    batch_size=128,  # Sec. 5
    optimizer=SGD(lr=0.01, momentum=0.9, weight_decay=5e-4),  # Sec. 5
    schedule=Plateau(factor=0.1, patience=5, drops=3),  # by hand in the paper; the patience is ours
    preprocess=Preprocess(size=224, resize=256),  # Sec. 2
    augment=Augment(flip=True),  # Sec. 4.1; ours: without the change of colours
)

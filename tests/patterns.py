"""A set of ten patterns that anything can learn, as the idx files of a folder."""

import numpy as np

from kitnet.data import write_idx


def patterns(count, seed):
    """uint8 (count,8,8) and labels, classes in turn: class k has one bright square of 2x2, the rest is faint
    noise.
    """
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = np.random.default_rng(seed).integers(0, 40, (count, 8, 8), np.uint8)
    for image, k in zip(images, labels, strict=True):
        image[k // 4 * 2 : k // 4 * 2 + 2, k % 4 * 2 : k % 4 * 2 + 2] = 255
    return images, labels


def write_folder(folder, train, test):
    folder.mkdir(parents=True, exist_ok=True)
    for part, (images, labels) in (("train", train), ("t10k", test)):
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return folder

"""Augmentations that move, bend, colour or hide pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from kitnet.base.error import DataError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.data.draws import Draws
from kitnet.data.operation import Operation


@dataclass(frozen=True)
class Flip(Operation):
    """Left and right exchanged, in half of the epochs at random; `alternate`: in each second one, from the
    first or the second on (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU")."""

    word: ClassVar[str] = "flip"
    alternate: bool = False

    def change(self, images: Array, draws: Draws) -> Array:
        if self.alternate:
            first = Draws(draws.seed, draws.name, 0, draws.samples, draws.size).uniform()[:, 0] < 0.5
            turned = first ^ bool(draws.epoch % 2)
        else:
            turned = draws.uniform()[:, 0] < 0.5
        changed = images.copy()
        changed[turned] = images[turned, :, ::-1]
        return changed


@dataclass(frozen=True)
class Crop(Operation):
    """A picture shifted by up to so many pixels up, down, left and right; beyond its rim is 0, or with
    `reflect` its mirror image (He et al. 2015, section 4.2)."""

    word: ClassVar[str] = "crop"
    pixels: int
    reflect: bool = False

    def check(self, shape: Shape) -> None:
        side = min(shape[:2])
        if self.pixels >= side:
            raise DataError(
                f"augmentation {self}: a shift by up to {self.pixels} may leave nothing of pictures of "
                f"{say(shape)}; use such as crop{max(1, side // 8)}"
            )

    def change(self, images: Array, draws: Draws) -> Array:
        self.check(images.shape[1:])
        n, height, width, depth = images.shape
        rim, places = self.pixels, 2 * self.pixels + 1
        padded = _padded(images, rim, self.reflect)
        by, sample, row, column = draws.uniform(), *padded.strides[:3]
        windows = as_strided(
            padded,
            (n, places, places, height, width * depth),
            (sample, row, column, row, images.itemsize),
            writeable=False,
        )
        y, x = ((by[:, i] * places).astype(np.intp) for i in (0, 1))
        return windows[np.arange(n), y, x].reshape(images.shape)


def _padded(images: Array, rim: int, reflect: bool) -> Array:
    if reflect:
        return np.pad(images, ((0, 0), (rim, rim), (rim, rim), (0, 0)), mode="reflect")
    n, height, width, depth = images.shape
    padded = np.zeros((n, height + 2 * rim, width + 2 * rim, depth), np.uint8)
    padded[:, rim : rim + height, rim : rim + width] = images
    return padded


@dataclass(frozen=True)
class ResizedCrop(Operation):
    """A part of the whole picture, resized to the network's input: its share of the area is at least `area`
    and its proportions are 3:4 to 4:3, as far as they fit (Szegedy et al. 2014, section 6)."""

    word: ClassVar[str] = "resizedcrop"
    area: float = 0.08

    def __post_init__(self) -> None:
        if not 0 < self.area <= 1:
            raise DataError(f"{self}: the least share of the area is above 0 and at most 1")

    def boxes(self, sizes: Array, draws: Draws) -> Array:
        """Parts of pictures of these heights and widths (n,2): float64 (n,4), left, top, right, bottom."""
        share, proportion, down, along = draws.uniform().T
        height, width = sizes.T
        area = height * width * (self.area + (1 - self.area) * share)
        ratio = np.exp(np.log(4 / 3) * (2 * proportion - 1))
        high, wide = (np.minimum(np.sqrt(area / ratio), height), np.minimum(np.sqrt(area * ratio), width))
        top, left = down * (height - high), along * (width - wide)
        return np.stack([left, top, left + wide, top + high], 1)


@dataclass(frozen=True)
class Jitter(Operation):
    """Brightness, contrast and saturation times factors from 1 - strength to 1 + strength, in this order."""

    word: ClassVar[str] = "jitter"
    strength: float

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise DataError(f"{self}: the strength is 0 to 1")

    def change(self, images: Array, draws: Draws) -> Array:
        factors = 1 + self.strength * (2 * draws.uniform()[:, :3, None, None, None] - 1)
        brightness, contrast, saturation = factors.astype(np.float32).swapaxes(0, 1)
        pixels = images * brightness
        mean = _grey(pixels).mean((1, 2, 3), keepdims=True)
        pixels = mean + (pixels - mean) * contrast
        grey = _grey(pixels)
        pixels = grey + (pixels - grey) * saturation
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _grey(pixels: Array) -> Array:
    if pixels.shape[3] == 1:
        return pixels
    return (pixels @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]


@dataclass(frozen=True)
class Affine(Operation):
    """Turned, scaled, squeezed and sheared a little, about the centre: each entry of the matrix is that of
    the identity and up to `strength` more or less (LeCun et al. 1998, section III.E)."""

    word: ClassVar[str] = "affine"
    strength: float

    def change(self, images: Array, draws: Draws) -> Array:
        matrix = np.eye(2) + self.strength * (2 * draws.uniform().reshape(-1, 2, 2) - 1)
        height, width = images.shape[1:3]
        y, x = np.arange(height)[:, None] - (height - 1) / 2, np.arange(width) - (width - 1) / 2
        (yy, yx), (xy, xx) = matrix.transpose(1, 2, 0)[..., None, None]
        return _sampled(images, yy * y + yx * x + (height - 1) / 2, xy * y + xx * x + (width - 1) / 2)


@dataclass(frozen=True)
class Elastic(Operation):
    """Bent: each pixel comes from a place moved by noise from -1 to 1, smoothed by a Gaussian of width
    `sigma`, times `alpha` (Simard, Steinkraus & Platt 2003, section 2: 34 and 4 for digits of 29x29)."""

    word: ClassVar[str] = "elastic"
    alpha: float
    sigma: float = 4.0

    def __post_init__(self) -> None:
        if self.sigma <= 0:
            raise DataError(f"{self}: sigma is above 0")

    def change(self, images: Array, draws: Draws) -> Array:
        n, height, width = images.shape[:3]
        noise = np.empty((n, 2, height, width), np.float32)
        for one, generator in zip(noise, draws.generators(), strict=True):
            generator.random(dtype=np.float32, out=one)
        by = _smoother(height, self.sigma) @ (2 * noise - 1) @ _smoother(width, self.sigma) * self.alpha
        y, x = np.arange(height)[:, None] + by[:, 0], np.arange(width) + by[:, 1]
        return _sampled(images, y, x)


@lru_cache(16)
def _smoother(size: int, sigma: float) -> Array:
    """The Gaussian as a matrix (size, size), float32; beyond the rim the noise is 0."""
    places = np.arange(size)
    distance = places[:, None] - places
    return (np.exp(-(distance**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))).astype(np.float32)


def _sampled(images: Array, y: Array, x: Array) -> Array:
    """Pictures (n,H,W,C) at places (n,H,W) between their pixels, by bilinear interpolation; outside is 0."""
    n, height, width, depth = images.shape
    padded = _padded(images, 1, False).reshape(n * (height + 2) * (width + 2), depth)
    # a place beyond the rim of 0 is moved onto it
    y, x = np.clip(y, -1, height), np.clip(x, -1, width)
    top, left = (
        np.minimum(np.floor(each).astype(np.intp), most - 1) for each, most in ((y, height), (x, width))
    )
    down, along = ((each - whole)[..., None].astype(np.float32) for each, whole in ((y, top), (x, left)))
    at = (np.arange(n)[:, None, None] * (height + 2) + top + 1) * (width + 2) + left + 1
    above = padded[at] * (1 - along) + padded[at + 1] * along
    below = padded[at + width + 2] * (1 - along) + padded[at + width + 3] * along
    return np.rint(above * (1 - down) + below * down).astype(np.uint8)


@dataclass(frozen=True)
class Cutout(Operation):
    """A square of that side hidden, around any pixel, so that some of it may lie outside; it has the mean
    colour of the picture (DeVries & Taylor 2017)."""

    word: ClassVar[str] = "cutout"
    side: int

    def change(self, images: Array, draws: Draws) -> Array:
        height, width = images.shape[1:3]
        by = draws.uniform()
        hidden = np.ones(images.shape[:3], bool)
        for axis, size in ((1, height), (2, width)):
            start = np.floor(by[:, axis - 1] * size)[:, None] - self.side // 2
            inside = (np.arange(size) >= start) & (np.arange(size) < start + self.side)
            hidden &= np.expand_dims(inside, 3 - axis)
        mean = np.rint(images.mean((1, 2))).astype(np.uint8)
        return np.where(hidden[..., None], mean[:, None, None], images)

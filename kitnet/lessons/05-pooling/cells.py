# %% pools
import numpy as np

from kitnet.functional import max_pool, mean_pool

x = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])


def pooled(pool, x, *arguments, **options):
    return pool(x[None, :, :, None].astype(float), *arguments, **options)[0, :, :, 0]


print(x)
print(pooled(max_pool, x, 2))
print(pooled(mean_pool, x, 2))

# %% numbers
import kitnet

for line in (
    "4x4x1 -> maxpool2",
    "224x224x64 -> maxpool2",
    "13x13x256 -> maxpool3/2",
    "8x10x1 -> maxpool regions=2x2",
    "32x3 -> maxpool2",
):
    net = kitnet.parse(line)
    (row,) = net.ledger().rows
    kept = np.prod(net.output_shape) / np.prod(net.input_shape)
    print(f"{line:<30} -> {'x'.join(map(str, net.output_shape)):<11} {kept:.1%}, {row.parameters} parameters")

# %% features
(row,) = kitnet.parse("96x96x1 -> conv8-400").ledger().rows
print(f"(96 - 8 + 1)^2 * 400 = {row.values:,}")
print(f"{kitnet.parse('96x96x1 -> conv8-400 -> meanpool regions=3x3').ledger().rows[-1].values:,}")

# %% channels
from kitnet.functional import convolve

two = np.stack([np.ones((2, 2)), np.full((2, 2), 3.0)], axis=-1)[None]
quarters = np.full((2, 2, 2, 1), 0.25)
print(mean_pool(two, 2).ravel(), convolve(two, quarters).ravel())
print(convolve(two, np.full((2, 2, 1, 2), 0.25), groups=2).ravel())

# %% shifts
from kitnet.data.digits import read_digits

(images, classes), _ = read_digits()
two = images[classes == 2][0, :, :, 0]
moved = np.roll(two, 1, axis=1)


def alike(a, b):
    return (a * b).sum() / ((a * a).sum() * (b * b).sum()) ** 0.5


print(f"as it is  {alike(two.astype(float), moved.astype(float)):.2f}")
for size in (2, 4):
    for pool in (max_pool, mean_pool):
        print(f"{pool.__name__} {size} {alike(pooled(pool, two, size), pooled(pool, moved, size)):.2f}")

# %% same
a = np.array([[9, 0, 0, 0], [0, 0, 0, 9], [0, 0, 0, 0], [0, 9, 9, 0]])
b = np.array([[0, 0, 0, 9], [0, 9, 0, 0], [0, 9, 9, 0], [0, 0, 0, 0]])
print(np.hstack([a, b]))
print((pooled(max_pool, a, 2) == pooled(max_pool, b, 2)).all())
print((pooled(mean_pool, a, 2) == pooled(mean_pool, b, 2)).all())

# %% scene
rows, columns = np.mgrid[0:64, 0:64]
ground = 60 + rows + 20 * np.sin(columns / 10)
fence = np.where((columns % 4 == 1) & (rows >= 32), 100, 0)
noise = np.random.default_rng(5).normal(0, 10, (64, 64))
scene = ground + fence + noise


def show(y):
    for row in y:
        print("   |" + "".join(" .:-=+*#%@"[min(int(v / 24), 9)] for v in row) + "|")


show(scene[::4])

# %% pooled_scene
means, largest = pooled(mean_pool, scene, 4), pooled(max_pool, scene, 4)
show(np.hstack([means, np.zeros((16, 2)), largest]))


# %% errors
def error(found, true):
    return f"{np.sqrt(((found - true) ** 2).mean()):>5.1f}"


true_ground = pooled(mean_pool, ground, 4)
true_top = pooled(max_pool, ground + fence, 4)
print("above:  mean", error(means[:8], true_ground[:8]), "  max", error(largest[:8], true_ground[:8]))
print("below:  mean", error(means[8:], true_top[8:]), "  max", error(largest[8:], true_top[8:]))

# %% sizes
for size in (2, 4, 8):
    flat = pooled(mean_pool, ground[:32], size)
    print(
        f"{size} x {size}: mean {error(pooled(mean_pool, scene[:32], size), flat)}"
        f"   max {error(pooled(max_pool, scene[:32], size), flat)}"
    )

# %% digits
(known, classes), (asked, truth) = read_digits()


def named(change):
    k, a = (change(images.astype(float)).reshape(len(images), -1) for images in (known, asked))
    k, a = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (k, a))
    return (classes[(a @ k.T).argmax(axis=1)] == truth).mean()


for name, change in (
    ("all 64 numbers", lambda x: x),
    ("mean_pool 2", lambda x: mean_pool(x, 2)),
    ("max_pool 2", lambda x: max_pool(x, 2)),
    ("every second", lambda x: x[:, ::2, ::2]),
    ("mean_pool 4", lambda x: mean_pool(x, 4)),
    ("max_pool 4", lambda x: max_pool(x, 4)),
):
    print(f"{name:<14} {named(change):.1%}")

# %% maps
from kitnet.lab.image_filters import FILTERS

edges = np.array([FILTERS[name].numbers for name in ("edge-horizontal", "edge-vertical", "edge-45")])
edges = np.concatenate([edges, np.rot90(edges[2:], 1, (1, 2))])
w = np.concatenate([edges, -edges]).transpose(1, 2, 0)[:, :, None, :].astype(float)


def maps(x):
    return np.maximum(convolve(x, w, pad="same"), 0)


for name, change in (
    ("all maps", maps),
    ("mean_pool 2", lambda x: mean_pool(maps(x), 2)),
    ("max_pool 2", lambda x: max_pool(maps(x), 2)),
    ("mean_pool 4", lambda x: mean_pool(maps(x), 4)),
    ("max_pool 4", lambda x: max_pool(maps(x), 4)),
):
    print(f"{name:<14} {named(change):.1%}")

# %% others
for word in ("maxpool2", "meanpool2", "normpool2", "squarepool2", "stochasticpool2"):
    y = kitnet.parse(f"2x2x1 -> {word}")(np.reshape([1, 2, 2, 4], (1, 2, 2, 1)).astype("float32"))
    print(f"{word:<16} {y.item():g}")

# %% field
for line in ("32x32x1 -> conv3-1 -> conv3-1", "32x32x1 -> conv3-1 -> maxpool2 -> conv3-1"):
    print(f"{line:<42} {kitnet.parse(line).ledger().rows[-1].receptive_field[0]}")

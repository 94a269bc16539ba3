# %% picture
import numpy as np

picture = np.zeros((6, 8), int)
picture[1:5, 2:6] = 9
edge = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]])

print(picture)
print(picture[0:3, 4:7] * edge)
print((picture[0:3, 4:7] * edge).sum())


# %% slide
def slide(x, w):
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.zeros((rows, columns), int)
    for i in range(rows):
        for j in range(columns):
            y[i, j] = (x[i : i + w.shape[0], j : j + w.shape[1]] * w).sum()
    return y


print(slide(picture, edge))

# %% filters
from kitnet.lab.image_filters import FILTERS


def show(y):
    low, high = y.min(), y.max()
    for row in y:
        print("   |" + "".join(" .:-=+*#%@"[int(9 * (v - low) / (high - low))] * 2 for v in row) + "|")


for name in ("edge-vertical", "edge-horizontal", "edge-45", "sharpen"):
    print(name, FILTERS[name].numbers)
    show(slide(picture, np.array(FILTERS[name].numbers)))

# %% channels
colour = np.arange(1, 28).reshape(3, 3, 3)
w = np.zeros((2, 2, 3), int)
w[..., 0], w[..., 1], w[..., 2] = [[1, 0], [0, 1]], [[0, 1], [1, 0]], [[-1, 0], [0, -1]]

each = [slide(colour[:, :, c], w[:, :, c]) for c in range(3)]
for c in range(3):
    print(each[c].tolist())
print("sum", sum(each).tolist())

# %% shapes
from kitnet.functional import convolve

x = colour[None].astype(float)
two = np.stack([w, -w], axis=-1).astype(float)
y = convolve(x, two, np.array([0.0, 100.0]))
print(x.shape, two.shape, y.shape)
print(y[0, :, :, 0].tolist())
print(y[0, :, :, 1].tolist())

# %% axes
import kitnet

for line in ("32x32x3 -> conv5-6", "32x32x3 -> conv3-8", "32x32x3x1 -> conv3-8"):
    print(f"{line:<22} {kitnet.parse(line).output_shape}")


# %% loops
def loops(x, w, b):
    (H, W, C), (R, S, _, K) = x.shape, w.shape
    y = np.zeros((H - R + 1, W - S + 1, K))
    for i in range(H - R + 1):
        for j in range(W - S + 1):
            for k in range(K):
                y[i, j, k] = b[k]
                for r in range(R):
                    for s in range(S):
                        for c in range(C):
                            y[i, j, k] += x[i + r, j + s, c] * w[r, s, c, k]
    return y


print(abs(loops(colour, two, [0, 100]) - y[0]).max())

# %% stride
row = np.array([1, 2, -1, 1, -3])
taps = np.array([1, 0, -1])


def line(x, w, **options):
    y = convolve(x[None, :, None].astype(float), w[:, None, None].astype(float), **options)
    return y.ravel().astype(int).tolist()


print("P = 0, S = 1", line(row, taps))
print("P = 1, S = 1", line(row, taps, pad=1))
print("P = 1, S = 2", line(row, taps, pad=1, stride=2))

# %% rule
for W, F, P, S in ((7, 3, 0, 1), (7, 3, 0, 2), (7, 3, 1, 1), (227, 11, 0, 4), (224, 11, 0, 4), (10, 3, 0, 2)):
    print(f"({W} - {F} + 2*{P}) / {S} + 1 = {(W - F + 2 * P) / S + 1:g}")

# %% same
for F in (1, 3, 5, 7):
    P = (F - 1) // 2
    print(f"F = {F}, P = {P}: 32 -> {kitnet.parse(f'32x32x1 -> conv{F}-1 pad={P}').output_shape[0]}")

# %% misfit
for text in ("5x1 -> conv3-1/3 pad=1", "224x224x3 -> conv11-96/4"):
    try:
        kitnet.parse(text)
    except kitnet.KitnetError as error:
        print(str(error).splitlines()[0])

# %% choices
numbers = np.arange(1, 11)
for word in ("floor", "ceil", "pad", "crop"):
    print(f"{word:<6}", line(numbers, np.array([1, 1, 1]), stride=2, on_misfit=word))

# %% alexnet
for places in (1.5, 2, 3):
    print(f"(224 + 2*{places} - 11) / 4 + 1 = {(224 + 2 * places - 11) / 4 + 1:g}")
print(kitnet.parse("224x224x3 -> conv11-96/4 pad=1:2x1:2").output_shape)
print(kitnet.parse("227x227x3 -> conv11-96/4").output_shape)

# %% window
draw = np.random.default_rng(25)
X = draw.integers(-3, 4, (11, 11, 4)).astype(float)
W1 = draw.integers(-3, 4, (5, 5, 4)).astype(float)
V = convolve(X[None], W1[..., None], np.array([1.0]), stride=2)[0]
print(V.shape)
print((X[4:9, 6:11, :] * W1).sum() + 1 == V[2, 3, 0])

# %% dilation
from kitnet.functional import dilation_of

powers = np.array([1, 10, 100, 1000, 10000])
for dilation in (1, 2):
    print(dilation, line(powers, np.array([1, 2, 3]), dilation=dilation))
print(dilation_of(0), dilation_of(1))

# %% fields
for dilations in ((1, 1, 1), (1, 2, 4)):
    layers = " -> ".join(f"conv3-1 same dilation={d}" for d in dilations)
    print(dilations, [r.receptive_field[0] for r in kitnet.parse(f"32x32x1 -> {layers}").ledger().rows])

# %% stacked
for text in (
    "[conv3-8 same bias=no]*2",
    "conv5-8 same bias=no",
    "[conv3-8 same bias=no]*3",
    "conv7-8 same bias=no",
):
    ledger = kitnet.parse(f"32x32x8 -> {text}").ledger()
    print(f"{text:<25} {ledger.rows[-1].receptive_field[0]}  {ledger.totals['weights'] // 8**2} * 8^2")

# %% mean
import numpy as np

from kitnet.functional import max_pool, max_pool_backward, mean_pool, mean_pool_backward

dy = np.array([[1.0, 2], [3, 4]])
x = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])


def volume(a):
    return a[None, :, :, None]


print(mean_pool_backward(volume(dy), volume(x), 2)[0, :, :, 0])
print(np.kron(dy, np.full((2, 2), 0.25)))

# %% largest
print(x)
print(max_pool_backward(volume(dy), volume(x), 2)[0, :, :, 0])


# %% nudged
def nudged(f, a, h=1e-6):
    """df for each number of an array, by trying."""
    d = np.zeros(a.shape)
    for place in np.ndindex(*a.shape):
        kept = a[place]
        a[place] = kept + h
        more = f()
        a[place] = kept - h
        d[place] = (more - f()) / (2 * h)
        a[place] = kept
    return d


tried = nudged(lambda: (volume(dy) * mean_pool(volume(x), 2)).sum(), x)
print(tried.round(4).tolist())
tried = nudged(lambda: (volume(dy) * max_pool(volume(x), 2)).sum(), x)
print((tried.round(4) + 0.0).tolist())

# %% overlap
row = np.array([1.0, 5, 2, 4, 3])[None, :, None]
print(max_pool(row, 3, stride=1).ravel())
print(max_pool_backward(np.array([1.0, 10, 100])[None, :, None], row, 3, stride=1).ravel())
print(mean_pool_backward(np.array([3.0, 30, 300])[None, :, None], row, 3, stride=1).ravel())

# %% root
import kitnet

tape = kitnet.parse("2x2x1 -> normpool2").tape(np.reshape([1.0, 2, 2, 4], (1, 2, 2, 1)))
y = tape.output.item()
print(y, tape.backward(np.full((1, 1, 1, 1), 10.0))["input"].ravel())
print(10 * np.array([1, 2, 2, 4]) / y)

# %% lenet
lenet = kitnet.parse(
    "32x32x1 -> C1:conv5-6 -> tanh -> S2:subsample2 -> tanh -> C3:conv5-16 table=lenet5 -> tanh "
    "-> S4:subsample2 -> tanh -> C5:conv5-120 -> tanh -> F6:fc84 -> tanh -> output:fc10"
).initialise(0, np.float64)

for row in lenet.ledger().rows:
    if row.parameters:
        size = "x".join(map(str, row.output))
        print(f"{row.path:<7} {size:<9} {row.parameters:>6,} parameters {row.connections:>8,} connections")
print(f"C1 to F6: {sum(row.parameters for row in lenet.ledger().rows[:-1]):,}")

# %% table
from kitnet.layers.connection_table import LENET5_C3

for m in range(6):
    print(m, " ".join("X" if m in column else "." for column in LENET5_C3.columns))
print([len(column) for column in LENET5_C3.columns])
print(LENET5_C3.links, "/", 6 * 16)

# %% forward
from kitnet.data.digits import read_digits

(images, classes), _ = read_digits()
picture = np.kron(images[0, :, :, 0] / 255, np.ones((4, 4)))[None, :, :, None]
target = np.eye(10)[classes[:1]] * 2 - 1

tape = lenet.tape(picture)
print(classes[0], tape.output.round(2).ravel())
print(f"C = {((tape.output - target) ** 2).sum() / 2:.3f}")
back = tape.backward(tape.output - target)
w = lenet.weights

# %% one
delta5 = back["C5"].reshape(120)
W5 = w["C5.weight"].reshape(5 * 5 * 16, 120)
into = (W5 @ delta5).reshape(5, 5, 16)
print(abs(into - back["tanh4"][0]).max() < 1e-12)
delta4 = into * (1 - tape["tanh4"][0] ** 2)
print(abs(delta4 - back["S4"][0]).max() < 1e-12)

# %% two
up = np.kron(delta4, np.ones((2, 2, 1)))
into = w["S4.coefficient"] * up
print(up.shape, abs(into - back["tanh3"][0]).max() < 1e-12)
delta3 = into * (1 - tape["tanh3"][0] ** 2)
print(abs(delta3 - back["C3"][0]).max() < 1e-12)

# %% three
from kitnet.functional import convolve

into = np.zeros((14, 14, 6))
maps, filters = LENET5_C3.pairs()
for link, (m, k) in enumerate(zip(maps, filters, strict=True)):
    delta, weight = volume(delta3[:, :, k]), w["C3.weight"][:, :, link, None, None]
    into[:, :, m] += convolve(delta, weight, pad="full", flip=True)[0, :, :, 0]
print(abs(into - back["tanh2"][0]).max() < 1e-12)

# %% four
a2, a3 = tape["tanh2"][0], tape["tanh3"][0]
dw = np.zeros((5, 5, 60))
for link, (m, k) in enumerate(zip(maps, filters, strict=True)):
    delta = volume(delta3[:, :, k])[0, ..., None]
    dw[:, :, link] = convolve(volume(a2[:, :, m]), delta)[0, :, :, 0]
print("C3 weight     ", dw.shape, abs(dw - back["C3.weight"]).max() < 1e-12)
print("C3 bias       ", abs(delta3.sum((0, 1)) - back["C3.bias"]).max() < 1e-12)

sums = 4 * mean_pool(a3[None], 2)[0]
print("S4 coefficient", abs((delta4 * sums).sum((0, 1)) - back["S4.coefficient"]).max() < 1e-12)
print("S4 bias       ", abs(delta4.sum((0, 1)) - back["S4.bias"]).max() < 1e-12)

# %% update
for _ in range(4):
    tape = lenet.tape(picture)
    print(f"C = {((tape.output - target) ** 2).sum() / 2:.3f}   says {tape.output.argmax()}")
    back = tape.backward(tape.output - target)
    for path in w:
        w[path][...] -= 0.005 * back[path]

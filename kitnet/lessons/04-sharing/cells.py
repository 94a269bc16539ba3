# %% dense
import numpy as np

x = np.array([3, 1, 4, 1, 5, 9, 2])
dense = (np.arange(35) ** 2).reshape(5, 7) % 9 - 4
print(dense)
print(dense @ x, dense.size)

# %% local
local = np.zeros((5, 7), int)
for m, window in enumerate(([1, 2, 1], [2, -1, 1], [3, 1, -1], [1, 1, 2], [-2, 1, 3])):
    local[m, m : m + 3] = window
print(local)
print(local @ x, np.count_nonzero(local))

# %% shared
w = [1, 0, -1]
shared = np.zeros((5, 7), int)
for m in range(5):
    shared[m, m : m + 3] = w
print(shared)
print(shared @ x, len(w))

# %% kitnet
import kitnet

for line in ("7x1 -> fc5 bias=no", "7x1 -> local3-1 bias=no", "7x1 -> conv3-1 bias=no"):
    (row,) = kitnet.parse(line).ledger().rows
    print(f"{line:<24} {row.weights:>3} {row.multiply_adds:>3}")

# %% matrix
from kitnet.layers import Convolution
from kitnet.surgery import matrix

weights = {"weight": np.reshape(w, (3, 1, 1))}
found = matrix(Convolution(3, 1, bias=False), (7, 1), weights)
print(found.dense().T)
print((shared == found.dense().T).all())

# %% million
for line in (
    "1000x1000x1 -> fc1000000 bias=no",
    "1000x1000x1 -> local10-1 same bias=no",
    "1000x1000x1 -> conv10-1 same bias=no",
):
    (row,) = kitnet.parse(line).ledger().rows
    print(f"{line:<38} {row.weights:>17,} = 10^{np.log10(row.weights):g}")
    print(f"{'4 bytes *':>37} {row.weights:>17,} = {4 * row.weights:,}")

# %% unit
for line in ("32x32x3 -> conv5-1", "16x16x20 -> conv3-1", "32x32x3 -> fc1", "200x200x3 -> fc1"):
    (row,) = kitnet.parse(line).ledger().rows
    print(f"{line:<20} {row.weights:>7,} + {row.biases}")

# %% lenet
for line in ("32x32x1 -> conv5-6", "32x32x1 -> fc6"):
    (row,) = kitnet.parse(line).ledger().rows
    each = row.weights // 6
    print(f"{line}: 6 * ({each} + 1) = {row.weights} + {row.biases} = {row.parameters}")
    print(f"    {row.connections:,}")

# %% alexnet
print("11 * 11 * 3 =", 11 * 11 * 3, "  55 * 55 * 96 =", f"{55 * 55 * 96:,}")
for line in ("227x227x3 -> local11-96/4", "227x227x3 -> conv11-96/4"):
    (row,) = kitnet.parse(line).ledger().rows
    print(f"{line:<26} {row.weights:>11,} + {row.biases:>7,} = {row.parameters:>11,}")
print(f"290,400 * (363 + 1) = {290_400 * 364:,}")

# %% bias
for line in ("32x32x1 -> conv5-6", "32x32x1 -> conv5-6 bias=no -> bias"):
    totals = kitnet.parse(line).ledger().totals
    print(f"{line:<36} {totals['weights']} + {totals['biases']:,}")

# %% shift
from kitnet.functional import convolve

image = np.zeros((1, 8, 8, 1))
image[0, 1:4, 1:4, 0] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
moved = np.roll(image, (2, 3), axis=(1, 2))
filters = np.array([[0.0, 1, 0], [2, -1, 1], [1, 0, 3]])[:, :, None, None]

before, after = convolve(image, filters), convolve(moved, filters)
print(abs(after[:, 2:, 3:] - before[:, :-2, :-3]).max())
print(before.argmax(), after.argmax(), "=", before.argmax(), "+ 2 * 6 + 3")

# %% not_shared
net = kitnet.parse("8x8x1 -> local3-1 bias=no")
before, after = net(image.astype("float32")), net(moved.astype("float32"))
print(abs(after[:, 2:, 3:] - before[:, :-2, :-3]).max() > 0.1)

# %% summary
for line in ("32x32x3 -> conv5-6", "32x32x6 -> conv5-6", "64x64x3 -> conv5-6"):
    (row,) = kitnet.parse(line).ledger().rows
    print(f"{line}  {row.weights} + {row.biases}")

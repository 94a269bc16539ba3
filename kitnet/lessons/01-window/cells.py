# %% numbers
x = [3, 1, 4, 1, 5, 9, 2]
w = [1, 0, -1]

window = x[0:3]
print(window, w)
print("3*1 + 1*0 + 4*(-1) =", 3 * 1 + 1 * 0 + 4 * (-1))


# %% dot
def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


print(dot(x[0:3], w))
print(dot(x[1:4], w))

# %% slide
y = []
for m in range(len(x) - len(w) + 1):
    window = x[m : m + len(w)]
    y.append(dot(window, w))
    print(f"m = {m}   {window} . {w} = {y[m]:>2}")

print(len(x), "->", len(y), y)

# %% count
for size in (1, 2, 3, 6, 7):
    print(f"{len(x)} - {size} + 1 = {len(x) - size + 1}")

# %% neighbours
for v in ([-1, 1], [1, 2, 1], [1 / 3, 1 / 3, 1 / 3]):
    found = [dot(x[m : m + len(v)], v) for m in range(len(x) - len(v) + 1)]
    print([round(value, 2) for value in v], "->", [round(value, 2) for value in found])

# %% fooled
signal = [0, 1, 2, 1, 0, 0, 5, 5, 5, 0]
hat = [1, 2, 1]

likeness = [dot(signal[m : m + 3], hat) for m in range(8)]
best = likeness.index(max(likeness))
print(likeness)
print(f"m = {best}: {signal[best : best + 3]}, {max(likeness)}")


# %% length
def length(a):
    return dot(a, a) ** 0.5


print(length([3, 4]))
print(round(length(hat), 3), round(length([5, 5, 5]), 3))


# %% cosine
def cosine(a, b):
    lengths = length(a) * length(b)
    return dot(a, b) / lengths if lengths else 0.0


likeness = [cosine(signal[m : m + 3], hat) for m in range(8)]
best = likeness.index(max(likeness))
print([round(value, 2) for value in likeness])
print(f"m = {best}: {signal[best : best + 3]}, {max(likeness):.2f}")

# %% properties
print(round(cosine([1, 2, 1], [10, 20, 10]), 2))
print(round(cosine([1, 2, 1], [-1, -2, -1]), 2))
print(round(cosine([1, 0, -1], [1, 2, 1]), 2))

# %% kitnet
import numpy as np

from kitnet.functional import convolve, normalised_correlation

X = np.reshape(x, (1, 7, 1)).astype(float)
W = np.reshape(w, (3, 1, 1)).astype(float)
print(convolve(X, W).ravel())

S = np.reshape(signal, (1, 10, 1)).astype(float)
H = np.reshape(hat, (3, 1, 1)).astype(float)
print(normalised_correlation(S, H).ravel().round(2))

# %% digits
from kitnet.data.digits import read_digits

(known, classes), (asked, truth) = read_digits()
for row in asked[0, :, :, 0]:
    print(" ".join(f"{value:>3}" for value in row))
print(len(known), len(asked), truth[0])

# %% alike
filters = known.astype(float).transpose(1, 2, 3, 0)
likeness = normalised_correlation(asked.astype(float), filters).reshape(len(asked), len(known))
named = classes[likeness.argmax(axis=1)]
hits = (named == truth).sum()
print(f"{hits} / {len(asked)} = {hits / len(asked):.1%}")

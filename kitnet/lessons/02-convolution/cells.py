# %% correlate
f = [0, 1, 2, -1, 3]
g = [1, 1, 0]


def correlate(f, g):
    return [sum(f[m + n] * g[n] for n in range(len(g))) for m in range(len(f) - len(g) + 1)]


print(correlate(f, g))

# %% echo
sound = [0, 1, 2, -1, 3]
echo = [4, 2, 1]

heard = [0] * 7
for a, sample in enumerate(sound):
    part = [0] * a + [sample * e for e in echo] + [0] * (4 - a)
    heard = [h + p for h, p in zip(heard, part, strict=True)]
    print(f"{a}: {part}")
print("sum", heard)


# %% convolve
def convolve(f, g):
    y = []
    for m in range(len(f) + len(g) - 1):
        y.append(sum(f[m - n] * g[n] for n in range(len(g)) if 0 <= m - n < len(f)))
    return y


print(convolve(sound, echo))
print(convolve(f, g))
print(convolve(g, f))

# %% by_hand
for m in range(7):
    terms = [(f[m - n], g[n]) for n in range(3) if 0 <= m - n < 5]
    print(f"y[{m}] =", " + ".join(f"{a}*{b}" for a, b in terms), "=", sum(a * b for a, b in terms))

# %% turned
print(g, "->", g[::-1])
print(correlate(f, g[::-1]))
print(convolve(f, g)[2:5])

# %% modes
full = convolve(f, g)
print("full ", full)
print("same   ", full[1:6])
print("valid    ", full[2:5])

# %% lengths
M, N = len(f), len(g)
print("valid M - N + 1 =", M - N + 1)
print("same  M         =", M)
print("full  M + N - 1 =", M + N - 1)

# %% padded
for zeros in (0, 1, 2):
    wide = [0] * zeros + f + [0] * zeros
    print(wide, "->", correlate(wide, g[::-1]))

# %% kitnet
import numpy as np

from kitnet import functional

F = np.reshape(f, (1, 5, 1)).astype(float)
G = np.reshape(g, (3, 1, 1)).astype(float)
for pad in ("valid", "same", "full"):
    print(f"{pad:<6}", functional.convolve(F, G, pad=pad, flip=True).ravel())
print(functional.convolve(F, G).ravel())

# %% numpy
print(np.convolve(f, g, "valid"), np.correlate(f, g, "valid"))
print(np.convolve(f, [1, 2], "same"))
two = np.reshape([1, 2], (2, 1, 1)).astype(float)
print(functional.convolve(F, two, pad="same", flip=True).ravel().astype(int))

# %% five
X = np.array([[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]])
K = np.array([[0, 1, 2], [2, 2, 0], [0, 1, 2]])


def picture(x, k, **options):
    x, k = x[None, :, :, None].astype(float), k[:, :, None, None].astype(float)
    return functional.convolve(x, k, **options)[0, :, :, 0].astype(int)


print(picture(X, K))
print(picture(X, K, flip=True))

# %% rotate
print(np.rot90(K, 2))  # 2 * 90 = 180
print((picture(X, np.rot90(K, 2)) == picture(X, K, flip=True)).all())
print(np.flip(g))

# %% four
A = np.array([[0, 0, 1, 2], [2, 2, 0, 0], [2, 1, 2, 2], [3, 0, 1, 1]])
B = np.array([[0, 0, -1], [1, -1, 1], [-1, 1, 1]])
for pad in ("valid", "same", "full"):
    print(pad)
    print(picture(A, B, pad=pad, flip=True))

# %% swap
print(convolve(f, g) == convolve(g, f))
print(convolve(convolve(f, g), echo) == convolve(f, convolve(g, echo)))
print(np.correlate(f, g, "full"))
print(np.correlate(g, f, "full"))

# %% spectra
print(np.fft.irfft(np.fft.rfft(f) * np.fft.rfft(g, 5), 5).round(6) + 0)
print(np.fft.irfft(np.fft.rfft(f, 7) * np.fft.rfft(g, 7), 7).round(6) + 0)

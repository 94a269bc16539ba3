# %% scalar
x, w, target = 3.0, 2.0, 10.0


def cost(x, w):
    return (x * w - target) ** 2 / 2


h = 1e-6
dy = x * w - target
print("dy =", dy)
print("dx =", dy * w, " by trying:", round((cost(x + h, w) - cost(x - h, w)) / (2 * h), 4))
print("dw =", x * dy, " by trying:", round((cost(x, w + h) - cost(x, w - h)) / (2 * h), 4))

# %% line
import numpy as np

X = np.array([[1.0, 0], [1, 1], [1, 2], [1, 3]])
T = np.array([[1.0], [3], [4], [8]])
W = np.zeros((2, 1))
for step in range(501):
    dY = X @ W - T
    dW = X.T @ dY
    if step in (0, 10, 100, 500):
        print(step, W.ravel().round(3), "C =", round((dY**2).sum() / 2, 3))
    W = W - 0.1 * dW

print(np.linalg.lstsq(X, T)[0].ravel().round(3))


# %% nudges
def nudged(f, *arrays):
    """df for each number of each array, by trying."""
    found = []
    for a in arrays:
        d = np.zeros(a.shape)
        for place in np.ndindex(*a.shape):
            kept = a[place]
            a[place] = kept + h
            more = f()
            a[place] = kept - h
            d[place] = (more - f()) / (2 * h)
            a[place] = kept
        found.append(d)
    return found


A, B = np.array([[1.0, 2, 0], [3, -1, 1]]), np.array([[1.0, 0], [2, 1], [-1, 3]])
G = np.array([[1.0, -2], [0, 5]])
dA, dB = nudged(lambda: (G * (A @ B)).sum(), A, B)
print((G @ B.T).astype(int).tolist(), dA.round(4).astype(int).tolist())
print((A.T @ G).astype(int).tolist(), dB.round(4).astype(int).tolist())

# %% index
x = np.array([3.0, 1, 4, 1, 5])
w = np.array([1.0, 2, -1])
dy = np.array([1.0, 3, 10])

dx, dw = np.zeros(5), np.zeros(3)
for o in range(3):
    for r in range(3):
        dx[o + r] += dy[o] * w[r]
        dw[r] += dy[o] * x[o + r]
        print(
            f"y[{o}] has x[{o + r}] w[{r}]:  dx[{o + r}] += {dy[o] * w[r]:g}  dw[{r}] += {dy[o] * x[o + r]:g}"
        )
print(dx, dw, dy.sum())

# %% index_check
b = np.zeros(1)
by_trying = nudged(lambda: (dy * (np.correlate(x, w, "valid") + b)).sum(), x, w, b)
for name, found, tried in zip(("dx", "dw", "db"), (dx, dw, dy.sum()), by_trying, strict=True):
    print(name, found, tried.round(4) + 0.0)

# %% three
from kitnet.functional import convolve


def line(x, w, **options):
    return convolve(x[None, :, None], w[:, None, None], **options).ravel()


print("y  =", line(x, w))
print("dx =", line(dy, w, pad="full", flip=True))
print("dw =", line(x, dy))

# %% turned
from kitnet.functional import convolve_backward

for flip in (False, True):
    dx, dw, db = convolve_backward(dy[None, :, None], x[None, :, None], w[:, None, None], flip=flip)
    print(flip, dx.ravel(), dw.ravel(), db)
print(line(dy, w, pad="full"), line(x[::-1], dy, flip=True))

# %% im2col
P = np.array([x[o : o + 3] for o in range(3)])
print(P)
print("y =", P @ w)

# %% back_im2col
dP = np.outer(dy, w)
dw = P.T @ dy
print(dP)
dx = np.zeros(5)
for o in range(3):
    dx[o : o + 3] += dP[o]
print("dx =", dx, "dw =", dw)

# %% matrix
from kitnet.layers import Convolution
from kitnet.surgery import matrix

M = matrix(Convolution(3, 1, bias=False), (5, 1), {"weight": w[:, None, None]}).dense().T
print(M)
print("y =", M @ x, " dx =", M.T @ dy)

# %% trace
U, V = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([[1.0, 0], [-2, 1], [0, 7]])
print(np.trace(U.T @ V), (U * V).sum())
C = np.array([[1.0, -1, 2], [0, 3, 1]])
print(np.trace(U @ C), np.trace(C @ U))

# %% differential
dA, dB = np.array([[0.1, 0, -0.2], [0.3, 0.1, 0]]), np.array([[0, 0.2], [0.1, 0], [-0.1, 0.3]])
df = (G * (dA @ B + A @ dB)).sum()
print(round(df, 6), round(np.trace((G @ B.T).T @ dA) + np.trace((A.T @ G).T @ dB), 6))

# %% adjoint
v = np.array([2.0, 7, 1, 8, 2])
print(dy @ line(v, w), "=", v @ line(dy, w, pad="full", flip=True))

# %% picture
image = np.arange(32.0).reshape(1, 4, 4, 2) % 7
filters = np.arange(54.0).reshape(3, 3, 2, 3) % 5 + 1
bias = np.array([1.0, 2, 3])
dy2 = np.arange(12.0).reshape(1, 2, 2, 3) % 4 - 1

found = convolve_backward(dy2, image, filters)
tried = nudged(lambda: (dy2 * convolve(image, filters, bias)).sum(), image, filters, bias)
for name, a, t in zip(("dx", "dw", "db"), found, tried, strict=True):
    print(name, a.shape, abs(a - t).max() < 1e-4)
print(found[2], dy2.sum(axis=(0, 1, 2)))

# %% one
dy2[...] = 0
dy2[0, 0, 1, 0] = 1
dx, dw, db = convolve_backward(dy2, image, filters)
print(dx[0, :, :, 0] != 0)
print((dx[0, 0:3, 1:4] == filters[..., 0]).all(), (dw[..., 0] == image[0, 0:3, 1:4]).all())

# %% places
total = np.zeros((3, 3))
D = np.array([[1.0, 2], [3, 4]])
for i in range(2):
    for j in range(2):
        total += D[i, j] * image[0, i : i + 3, j : j + 3, 0]
print(total)
print(convolve(image[..., :1], D[:, :, None, None])[0, :, :, 0])

# %% through
import kitnet

net = kitnet.parse("5x1 -> conv3-1 bias=no -> sigmoid -> conv3-1 bias=no").initialise(0, np.float64)
tape = net.tape(x[None, :, None] / 5)
back = tape.backward(np.ones((1, 1, 1)))
w2 = net.weights["conv2.weight"].ravel()
a = tape["sigmoid1"].ravel()
by_hand = line(np.ones(1), w2, pad="full", flip=True) * a * (1 - a)
print(abs(by_hand - back["conv1"].ravel()).max() < 1e-12)

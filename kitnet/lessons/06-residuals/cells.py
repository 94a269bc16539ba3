# %% linear
import numpy as np

x = np.array([1.0, 2.0])
A = np.array([[1.0, -1, 2], [0, 3, 1]])
B = np.array([[2.0], [1], [-1]])
print((x @ A) @ B, x @ (A @ B))

# %% xor
for pair in ([0, 0], [0, 1], [1, 0], [1, 1]):
    total = pair[0] + pair[1]
    hidden = [max(total, 0), max(total - 1, 0)]
    print(pair, hidden, hidden[0] - 2 * hidden[1])


# %% sigmoid
def f(z):
    return 1 / (1 + np.exp(-z))


for z in (-10, -4, -1, 0, 1, 4, 10):
    print(f"z = {z:>3}   a = {f(z):.5f}   slope = {f(z) * (1 - f(z)):.5f}")

# %% nudge
a, w, b, y = 1.0, 2.0, 2.0, 0.0


def cost(w, b):
    return (f(w * a + b) - y) ** 2 / 2


step = 1e-6
print(f"C = {cost(w, b):.6f}")
print(f"dC/dw = {(cost(w + step, b) - cost(w - step, b)) / (2 * step):.6f}")

# %% chain
z = w * a + b
out = f(z)
delta = (out - y) * out * (1 - out)
print(f"dC/dz = ({out:.4f} - 0) * {out * (1 - out):.4f} = {delta:.6f}")
print(f"dC/dw = dC/dz * a = {delta * a:.6f}   dC/db = dC/dz = {delta:.6f}")

# %% losses
from kitnet.layers import Context, Kept, Quadratic, SigmoidCrossEntropy


def gradient(loss, scores, target):
    s, t = np.atleast_2d(scores).astype(float), np.atleast_2d(target).astype(float)
    made = loss.forward({}, {}, Context(), s, t).y
    return loss.backward({}, Kept((s.shape, t.shape), (s, t), made), np.ones(len(s))).dx[0]


def quadratic(z, y):
    return gradient(Quadratic(), f(z), y) * f(z) * (1 - f(z))


def cross_entropy(z, y):
    return gradient(SigmoidCrossEntropy(), z, y)


print(f"{'z':>3} {'a':>9} {'quadratic':>10} {'cross-entropy':>14}")
for z in (-10, -4, -1, 0, 1, 4, 10):
    print(f"{z:>3} {f(z):>9.5f} {quadratic(z, 0).item():>10.5f} {cross_entropy(z, 0).item():>14.5f}")

# %% derive
a, y = 0.75, 0.0


def entropy(a):
    return -(y * np.log(a) + (1 - y) * np.log(1 - a))


print(f"{(entropy(a + step) - entropy(a - step)) / (2 * step):.4f}")
print(f"-y/a + (1 - y)/(1 - a) = {-y / a + (1 - y) / (1 - a):.4f}")
print(f"-y/a - (1 - y)/(1 - a) = {-y / a - (1 - y) / (1 - a):.4f}")
print(f"times a (1 - a): {(-y / a + (1 - y) / (1 - a)) * a * (1 - a):.4f} = a - y")

# %% learn
print(f"{'steps':<14}", *(f"{i:>4}" for i in range(0, 301, 50)))
for name, residual in (("quadratic", quadratic), ("cross-entropy", cross_entropy)):
    w = b = 2.0
    seen = []
    for i in range(301):
        if i % 50 == 0:
            seen.append(f"{f(w + b):.2f}")
        d = residual(w + b, 0).item()
        w, b = w - 0.15 * d, b - 0.15 * d
    print(f"{name:<14}", *seen)

# %% forward
x, y = np.array([1.0, 2.0]), np.array([1.0, 0.0])
V, b = np.array([[0.5, -1, 2], [1, 0.5, -0.5]]), np.array([0.1, -0.2, 0])
U, c = np.array([[1, -0.5], [-1, 2], [0.5, 1]]), np.array([0.2, -0.1])

h = f(x @ V + b)
a = f(h @ U + c)
print("h", h.round(4))
print("a", a.round(4))
print("C", round(((a - y) ** 2).sum() / 2, 4))

# %% back
d = (a - y) * a * (1 - a)
e = (d @ U.T) * h * (1 - h)
print("d", d.round(4))
print("e", e.round(4))

# %% gradients
dU, dV = np.outer(h, d), np.outer(x, e)
print(dU.round(4))
print(dV.round(4))

# %% check
import kitnet

net = kitnet.parse("2 -> fc3 -> sigmoid -> fc2 -> sigmoid").initialise(dtype=np.float64)
for path, value in (("fc1.weight", V), ("fc1.bias", b), ("fc2.weight", U), ("fc2.bias", c)):
    net.weights[path][...] = value
tape = net.tape(x[None])
found = tape.backward(gradient(Quadratic(), tape.output, y[None]))
print(abs(found["fc1.weight"] - dV).max() < 1e-12, abs(found["fc2.weight"] - dU).max() < 1e-12)
print(found["fc1"].round(4), found["fc2"].round(4))

# %% deep
for word in ("sigmoid", "relu"):
    deep = kitnet.parse("20" + f" -> fc20 init=glorot -> {word}" * 6).initialise(0, np.float64)
    tape = deep.tape(np.linspace(-1, 1, 20)[None])
    found = tape.backward(np.ones((1, 20)))
    print(f"{word:<8}", *(f"{abs(found[f'fc{i}']).max():.5f}" for i in range(6, 0, -1)))

# %% digits
from kitnet.data.digits import read_digits

(images, classes), (asked, truth) = read_digits()
X, T = images.reshape(-1, 64) / 255, np.eye(10)[classes]
unseen = asked.reshape(-1, 64) / 255


def train(residual, scale, epochs=6, rate=0.3):
    draw = np.random.default_rng(0)
    V, b, U, c = draw.normal(0, 0.2, (64, 30)), np.zeros(30), draw.normal(0, scale, (30, 10)), np.zeros(10)
    for _ in range(epochs):
        for i in range(0, len(X) - 9, 10):
            x, t = X[i : i + 10], T[i : i + 10]
            h = f(x @ V + b)
            d = residual(h @ U + c, t) / 10
            e = (d @ U.T) * h * (1 - h)
            U, c = U - rate * h.T @ d, c - rate * d.sum(axis=0)
            V, b = V - rate * x.T @ e, b - rate * e.sum(axis=0)
    return ((f(unseen @ V + b) @ U + c).argmax(axis=1) == truth).mean()


for scale in (0.2, 5):
    print(scale, f"quadratic {train(quadratic, scale):.0%}   cross-entropy {train(cross_entropy, scale):.0%}")

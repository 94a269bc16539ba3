"""LeNet-5: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition",
1998."""

from __future__ import annotations

from kitnet.zoo.card import Card

SOURCE = (
    "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, Proc. IEEE 1998"
)

_BODY = (
    "32x32x1 -> C1:conv5-6 init=lecun -> lecuntanh -> S2:subsample2 -> lecuntanh "
    "-> C3:conv5-16 table=lenet5 init=lecun -> lecuntanh -> S4:subsample2 -> lecuntanh "
    "-> C5:conv5-120 init=lecun -> lecuntanh -> F6:fc84 init=lecun -> lecuntanh"
)

_COMMON = (
    "S4 has 32 trainable parameters, a coefficient and a bias for each of 16 maps; texts that print 12 "
    "repeat "
    "S2's number. With 32 the layers sum to the paper's own 60,000.",
    "Weights begin with a deviation of 1/sqrt(fan-in), as the same authors advise in Efficient BackProp; the "
    "paper's uniform -2.4/F to 2.4/F (init=lecun1998) is so small that the first epochs stand still. The "
    "coefficients of S2 and S4 begin as a mean, 1/4; the paper does not say how.",
    "Trained by minibatch gradient descent with momentum, not by the stochastic diagonal Levenberg-Marquardt "
    "method.",
)

LENET5 = Card(
    name="lenet5",
    title="LeNet-5 of 1998 with a softmax output",
    source=SOURCE,
    year=1998,
    line=f"{_BODY} -> output:fc10 init=lecun",
    differences=(
        "The output is ten units with softmax and cross-entropy (850 parameters) in place of the paper's "
        "radial basis "
        "units; lenet5-rbf has those, and with them the paper's totals of 60,000 trainable parameters and "
        "340,908 "
        "connections.",
        *_COMMON,
    ),
    rate=0.02,
)

LENET5_RBF = Card(
    name="lenet5-rbf",
    title="LeNet-5 of 1998 with its radial basis output",
    source=SOURCE,
    year=1998,
    line=f"{_BODY} -> output:rbf",
    differences=(
        "The ten 7x12 bitmaps are drawn anew in the manner of the paper's figure 3; they are not learned, so "
        "that "
        "they count as 840 connections but not as parameters.",
        "The penalty j of the rubbish class in the loss (equation 9) is 1; the paper leaves it open.",
        *_COMMON,
    ),
    rate=0.001,
)

LENET5_MODERN = Card(
    name="lenet5-modern",
    title="LeNet-5 as it is written today: ReLU, max pooling, every filter of C3 sees every map",
    source=SOURCE,
    year=1998,
    line="32x32x1 -> C1:conv5-6 -> relu -> S2:maxpool2 -> C3:conv5-16 -> relu -> S4:maxpool2 "
    "-> C5:conv5-120 -> relu -> F6:fc84 -> relu -> output:fc10 init=lecun",
    differences=(
        "ReLU in place of the scaled tanh, max pooling in place of trainable subsampling, no connection "
        "table, "
        "softmax in place of radial basis units.",
    ),
    rate=0.05,
)

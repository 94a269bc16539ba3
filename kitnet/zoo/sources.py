"""Libraries and texts that claims of several families quote."""

TORCHVISION = "torchvision 0.28.0"
COUNTED = f"{TORCHVISION}, counted by torch.utils.flop_counter, halved"
PYTORCHCV = "pytorchcv 0.0.74"
TIMM = "timm 1.0.31"
CS231N = "CS231n, Convolutional networks"
ARAUJO = "Araujo, Norris, Sim: Computing receptive fields of convolutional neural networks, Distill 2019"
FIELD_BY_HAND = "by hand: 1 + the sum of (window - 1) x jump over the layers of the paper's table"

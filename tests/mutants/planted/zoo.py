"""Bugs in the networks of the literature, their claims, and the layers that they brought along."""

from mutant import Mutant

CLAIMS, NARROW = "zoo/test_claims.py", "zoo/test_narrow.py"
HOLDS = f"{CLAIMS}::test_every_claim_holds"

ZOO = [
    Mutant("PadChannels.forward", "[x[0], more]", "[more, x[0]]", "layers/test_conformance.py"),
    Mutant(
        "PadChannels.backward",
        "dy[..., :kept.shapes[0][-1]]",
        "dy[..., -kept.shapes[0][-1]:]",
        "layers/test_conformance.py",
    ),
    Mutant("pad_channels", "there + given", "there", "kernels/test_pad_channels.py"),
    Mutant(
        "pad_channels",
        "y.pitch if y.lanes == 'channels' else y.channels",
        "y.channels",
        "kernels/test_pad_channels.py",
    ),
    Mutant(
        "_pad_channels_backward",
        "b.part(dy, 0, b.volume(j).channels)",
        "b.part(dy, 1, b.volume(j).channels)",
        "zoo/test_narrow.py::test_plan_and_formula_agree[resnet cifar]",
    ),
    Mutant(
        "Claim.holds",
        "abs(found - self.expected) <= self.tolerance",
        "True",
        f"{CLAIMS}::test_claims_hold_within_their_tolerance",
    ),
    Mutant("Measured.sizes", "node.owner == node.path", "True", f"{CLAIMS}::test_measures"),
    Mutant("Measured.main", "node.path in paths", "True", f"{CLAIMS}::test_measures"),
    Mutant("values", "not isinstance(node.layer, SILENT)", "True", f"{CLAIMS}::test_measures"),
    Mutant("zoo.receptive:_seen", "f + r * j", "f + r", f"{CLAIMS}::test_receptive_fields"),
    Mutant("_window", "axis.extent - 1", "axis.window - 1", f"{CLAIMS}::test_receptive_fields"),
    Mutant(
        "_part", "node.path.startswith(f'{path}.')", "node.path.startswith(path)", f"{CLAIMS}::test_measures"
    ),
    Mutant("zoo.vgg:stages", "min(8, 2 ** i)", "min(16, 2 ** i)", HOLDS),
    Mutant("zoo.resnet:bottleneck", "rectified(3, filters, stride)", "rectified(3, filters)", HOLDS),
    Mutant(
        "zoo.resnet:preactivated",
        "[*before, residual(body, shortcut=conv(1, depth, stride, bias=False))]",
        "[residual(before, body, shortcut=conv(1, depth, stride, bias=False))]",
        HOLDS,
    ),
    Mutant("subsampled", "PadChannels(depth)", "PadChannels(depth + 1)", HOLDS),
    Mutant("dense_layer", "4 * growth", "2 * growth", HOLDS),
    Mutant("separable", "groups=depth", "groups=1", HOLDS),
    Mutant("fire", "conv(3, expand)", "conv(1, expand)", HOLDS),
    Mutant(
        "mlpconv", "((window, filters), (1, second), (1, third))", "((window, filters), (1, third))", HOLDS
    ),
    Mutant("towers", "conv(3, 8 * w, groups=groups)", "conv(3, 8 * w)", HOLDS),
    Mutant(
        "in_rows",
        "len(rows[-1]) + 1 + len(piece) <= columns",
        "len(rows[-1]) + len(piece) <= columns",
        "net/test_language.py::test_a_line_in_rows",
    ),
    Mutant("zoo.card:model", "name in MODELS", "False", f"{CLAIMS}::test_a_name_is_given_once"),
    Mutant("find", "ALIASES.get(name, name)", "name", "zoo/test_zoo.py::test_other_names"),
    Mutant(
        "cli.claims:command",
        "0 if all((one.holds for one in every)) else FAILED",
        "0",
        "cli/test_claims_command.py::test_a_claim_that_does_not_hold",
    ),
]

"""Bugs in the networks of the literature, their claims, and the layer that they brought along."""

from mutant import Mutant

CLAIMS = "zoo/test_claims.py"
MEASURES = f"{CLAIMS}::test_measures"
NARROW = "zoo/test_narrow.py::test_plan_and_formula_agree"


def holds(name: str) -> str:
    return f"{CLAIMS}::test_every_claim_holds[{name}]"


ZOO = [
    Mutant(
        "PadChannels.forward",
        "[x[0], more]",
        "[more, x[0]]",
        "layers/test_conformance.py::test_layer[check_definition-padchannels]",
    ),
    Mutant(
        "PadChannels.backward",
        "dy[..., :kept.shapes[0][-1]]",
        "dy[..., -kept.shapes[0][-1]:]",
        "layers/test_conformance.py::test_layer[check_gradient-padchannels]",
    ),
    Mutant(
        "kernels.pad_channels:pad_channels",
        "there + given",
        "there",
        "kernels/test_pad_channels.py::test_with_images_in_the_lanes",
    ),
    Mutant(
        "kernels.pad_channels:pad_channels",
        "y.pitch if y.lanes == 'channels' else y.channels",
        "y.channels",
        "kernels/test_pad_channels.py::test_with_channels_in_the_lanes",
    ),
    Mutant(
        "_pad_channels_backward",
        "b.part(dy, 0, b.volume(j).channels)",
        "b.part(dy, 1, b.volume(j).channels)",
        f"{NARROW}[resnet cifar]",
    ),
    Mutant(
        "Claim.holds",
        "abs(found - self.expected) <= self.tolerance",
        "True",
        f"{CLAIMS}::test_claims_hold_within_their_tolerance",
    ),
    Mutant("Measured.sizes", "not names or name in names", "True", MEASURES),
    Mutant("Measured.main", "node.path in paths", "True", MEASURES),
    Mutant("zoo.measure:values", "not isinstance(node.layer, SILENT)", "True", MEASURES),
    Mutant("zoo.measure:first_stride", "axis.stride", "axis.window", MEASURES),
    Mutant("zoo.vgg:stages", "min(8, 2 ** i)", "2 ** i", holds("vgg16")),
    Mutant("zoo.vgg:vgg16_pooled", "Linear(1000)", "Linear(1001)", holds("vgg16:pooled")),
    Mutant("bottleneck", "rectified(3, filters, stride)", "rectified(3, filters)", holds("resnet50")),
    Mutant("bottleneck_v1", "rectified(1, filters, stride)", "rectified(1, filters)", holds("resnet50:v1")),
    Mutant("preactivated", "conv(1, depth, bias=False)", "conv(1, depth)", holds("resnet50:v2")),
    Mutant("subsampled", "PadChannels(depth)", "PadChannels(depth + 1)", holds("resnet20")),
    Mutant("dense_layer", "4 * growth", "2 * growth", holds("densenet121")),
    Mutant("zoo.densenet:blocks", "int(depth * compression)", "depth", holds("densenet-bc100")),
    Mutant("separable", "groups=depth", "groups=1", holds("mobilenet-v1")),
    Mutant("inverted", "expansion > 1", "True", holds("mobilenet-v2")),
    Mutant("fire", "conv(3, expand)", "conv(1, expand)", holds("squeezenet1.0")),
    Mutant("mlpconv", "(1, second)", "(1, third)", holds("nin")),
    Mutant("all_cnn_c", "'valid'", "'same'", holds("all-cnn-c")),
    Mutant("towers", "conv(3, 8 * w, groups=groups)", "conv(3, 8 * w)", holds("alexnet:paper")),
    Mutant("_zfnet", "Convolution(5, 8 * w, 2)", "Convolution(5, 8 * w)", holds("zfnet")),
    Mutant("zfnet_larger", "(16, 32, 16)", "(16, 16, 16)", holds("zfnet:larger")),
    Mutant("zoo.googlenet:inception", "conv(5, five)", "conv(3, five)", holds("googlenet")),
    Mutant(
        "inception_v2_module", "rectified(3, double, stride)", "rectified(3, double)", holds("inception-v2")
    ),
    Mutant("crossed", "rectified((3, 1), filters)", "rectified(3, filters)", holds("inception-v3")),
    Mutant("v4_stem", "rectified((7, 1), 4 * w)", "rectified((5, 1), 4 * w)", holds("inception-v4")),
    Mutant(
        "in_rows",
        "len(rows[-1]) + 1 + len(piece) <= columns",
        "len(rows[-1]) + len(piece) <= columns",
        "net/test_language.py::test_a_line_in_rows",
    ),
    Mutant(
        "cifar_strip",
        "Softmax()",
        "Relu()",
        "zoo/test_zoo.py::test_the_strip_ends_in_the_five_most_probable_classes",
    ),
    Mutant(
        "zoo.googlenet:googlenet",
        "'first place'",
        "'second place'",
        f"{CLAIMS}::test_results_that_were_published_stand_on_the_cards",
    ),
    Mutant("zoo.lenet:ERRATA", "32", "12", f"{CLAIMS}::test_errata[lenet5]"),
    Mutant(
        "train.folder:_make",
        "not numbered",
        "True",
        "train/test_training_run.py::test_a_card_gives_what_is_not_told",
    ),
    Mutant("zoo.card:model", "name in MODELS", "False", f"{CLAIMS}::test_a_name_is_given_once"),
    Mutant("zoo.__init__:find", "ALIASES.get(name, name)", "name", "zoo/test_zoo.py::test_other_names"),
    Mutant(
        "cli.claims:command",
        "0 if all((one.holds for one in every)) else FAILED",
        "0",
        "cli/test_claims_command.py::test_a_claim_that_does_not_hold",
    ),
    Mutant(
        "net.difference:_same",
        "(line.layer, line.row.output)",
        "(line.row.path, line.row.output)",
        "cli/test_diff_command.py::test_the_same_network_under_other_names",
    ),
    Mutant(
        "dilation",
        "dilation=count",
        "dilation=1",
        "zoo/test_errata_of_layers.py::test_what_was_computed[dilation]",
    ),
    Mutant(
        "Linear.backward",
        "dy @ w['weight'].T",
        "dy @ w['weight'][:, ::-1].T",
        "zoo/test_errata_of_layers.py::test_what_was_computed[through_the_weights]",
    ),
    Mutant(
        "_erratum_of",
        "found == one.expected",
        "True",
        "cli/test_claims_command.py::test_an_erratum_of_a_layer_that_does_not_hold",
    ),
    Mutant(
        "all_cnn_c",
        "conv(3, filters, 2)",
        "conv(3, filters)",
        "zoo/test_network_rows.py::test_the_all_convolutional_net_has_strides_in_the_place_of_pools",
    ),
]

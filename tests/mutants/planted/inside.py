"""Bugs in the rooms inside and backward."""

from mutant import Mutant

INSIDE = [
    Mutant(
        "studio.arithmetic:_part",
        "len(rest)",
        "len(left)",
        "studio/test_room_inside.py::test_the_smaller_channels_are_summed_up",
    ),
    Mutant(
        "grids_of",
        "-grid.share",
        "grid.share",
        "studio/test_room_inside.py::test_a_window_of_a_convolution",
    ),
    Mutant(
        "studio.arithmetic:_reads",
        "window['rows'], window['columns']",
        "rows, columns",
        "studio/test_room_inside.py::test_a_pool_has_its_window_and_winner",
    ),
    Mutant(
        "cli.grid_text:_factor",
        "one.index[1]",
        "one.index[0]",
        "cli/test_look_commands.py::test_trace_prints_window_products_sum_and_activation",
    ),
    Mutant(
        "Pass.products",
        "np.array(places, int)",
        "np.array(places[::-1], int)",
        "studio/test_room_inside.py::test_a_window_of_a_convolution",
    ),
    Mutant(
        "studio.arithmetic:_window",
        "x[row, column, channel]",
        "x[column, row, channel]",
        "studio/test_room_inside.py::test_a_pool_has_its_window_and_winner",
    ),
    Mutant(
        "Copied.take",
        "probe.net.state = taken.state",
        "pass",
        "studio/test_room_inside.py::test_the_network_that_trains_as_it_is_now",
    ),
    Mutant(
        "studio.looked:picture",
        "255 - pixels if invert else pixels",
        "pixels",
        "studio/test_room_inside.py::test_light_and_dark_are_exchanged",
    ),
    Mutant(
        "Looking.convolution",
        "filter_[::-1, ::-1]",
        "filter_[::-1]",
        "studio/test_room_inside.py::test_what_the_player_plays_comes_to_dx",
    ),
    Mutant(
        "studio.columns:planes_of",
        "np.moveaxis(array.reshape(height, width, -1), -1, 0)",
        "array.reshape(-1, height, width)",
        "studio/test_room_inside.py::test_planes",
    ),
]

"""Bugs in functions."""

from mutant import Mutant

FUNCTIONAL = [
    Mutant(
        "functional.plans:_planned",
        "not direct and not called(plan.choices[0].one.id, algorithm)",
        "False",
        "functional/test_ways_to_compute.py::test_winograd_is_not_for_other_3x3_windows",
    ),
    Mutant(
        "lanes_of_convolution",
        "samples < cpu.lanes",
        "samples <= cpu.lanes",
        "functional/test_ways_to_compute.py"
        "::test_few_images_or_full_vectors_of_filters_lie_with_their_channels_in_the_lanes",
    ),
    Mutant(
        "lanes_of_convolution",
        "layer.groups == 1",
        "True",
        "functional/test_ways_to_compute.py"
        "::test_few_images_or_full_vectors_of_filters_lie_with_their_channels_in_the_lanes",
    ),
    Mutant(
        "functional.plans:_problem",
        "samples * whole_vectors(shape[-1], cpu.lanes)",
        "samples * shape[-1]",
        "functional/test_ways_to_compute.py::test_pools_leave_few_lanes_empty",
    ),
]

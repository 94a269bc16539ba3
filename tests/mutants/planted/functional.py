"""Bugs in functions, and in what plans of one layer need."""

from mutant import Mutant

PROGRAMS, WAYS, STEPS = (
    "functional/test_function_programs.py::",
    "functional/test_ways_to_compute.py::",
    "engine/test_plans_of_one_layer.py::",
)

FUNCTIONAL = [
    Mutant(
        "lanes_of_convolution",
        "samples < cpu.lanes",
        "samples <= cpu.lanes",
        WAYS + "test_few_images_or_full_vectors_of_filters_lie_with_their_channels_in_the_lanes",
    ),
    Mutant(
        "functional.plans:_problem",
        "samples * whole_vectors(shape[-1], cpu.lanes) <= batch.groups * batch.images * shape[-1]",
        "samples <= batch.groups * batch.images",
        WAYS + "test_pools_leave_few_lanes_empty",
    ),
    Mutant(
        "functional.plans:_planned",
        "not direct and not called(plan.choices[0].one.id, algorithm)",
        "direct and not called(plan.choices[0].one.id, algorithm)",
        WAYS + "test_winograd_is_not_for_other_3x3_windows",
    ),
    Mutant(
        "engine.lower.few:_winograd",
        "problem.window.before",
        "(0, 0, 0)",
        "functional/test_function_arguments.py::test_winograd_is_another_way_to_the_same[6-shape0]",
    ),
    Mutant(
        "Function.__init__",
        "math.prod(self.shape) == 1",
        "False",
        PROGRAMS + "test_single_numbers_have_room_in_all_lanes",
    ),
    Mutant(
        "Function.run",
        "inside_a_step()",
        "False",
        PROGRAMS + "test_a_formula_in_a_plan_calls_while_another_thread_waits_for_the_end_of_that_plan",
    ),
    Mutant(
        "ALL_GIVEN",
        "(*GIVEN, '@weight ', '@out ', '@d ', '@dw ', ARENA)",
        "(*GIVEN, '@weight ', '@out ', '@d ', '@dw ')",
        PROGRAMS + "test_kept_plans_hold_no_memory",
    ),
    Mutant(
        "Builder._new_gradient",
        "dense and path in self.request.gradients and root not in self._gradients",
        "False",
        STEPS + "test_only_what_is_asked_for_is_computed",
    ),
    Mutant(
        "engine.schedule:_needed",
        "outside or isinstance(step, HostStep) or results & read",
        "True",
        STEPS + "test_only_what_is_asked_for_is_computed",
    ),
    Mutant(
        "_Layout._writes_dense",
        "one.takes_dense or (one.lanes == 'channels' and self._is_full(i) and (not one.aliases))",
        "one.lanes == 'channels' and self._is_full(i) and (not one.aliases)",
        STEPS + "test_a_product_of_few_images_writes_its_output_where_the_caller_reads_it",
    ),
    Mutant(
        "_Layout._is_full",
        "bool(shape) and shape[-1] % self._vector == 0",
        "False",
        STEPS + "test_channels_that_fill_whole_vectors_need_no_copies",
    ),
    Mutant(
        "_is_small",
        "samples * sum(work)",
        "sum(work)",
        STEPS + "test_small_work_is_for_one_thread",
    ),
]

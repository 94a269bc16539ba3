"""Bugs in native libraries."""

from mutant import Mutant

LIBRARY, COMMAND = "interop/test_native_library.py::", "cli/test_native_command.py::"
BITS, PREPARED = (
    LIBRARY + "test_the_plans_scores_bit_by_bit",
    LIBRARY + "test_pictures_are_prepared_to_the_bits_of_python",
)
EXAMPLE, HEADER = (
    LIBRARY + "test_the_example_is_compiled_without_warnings_and_gives_the_plans_scores",
    LIBRARY + "test_a_header_for_c_and_cplusplus",
)
REFUSED, OTHERS = LIBRARY + "test_what_is_refused", LIBRARY + "test_the_files_of_others_stay"

NATIVE = [
    Mutant(
        "standalone",
        "samples - batch.images * np.arange(batch.groups)",
        "batch.images * np.arange(batch.groups)",
        BITS,
    ),
    Mutant(
        "standalone",
        "machine.own + plan.own_arena.offsets[ref.buffer] + ref.offset",
        "plan.own_arena.offsets[ref.buffer] + ref.offset",
        BITS,
    ),
    Mutant("standalone", "arena.offsets[ref.buffer] + ref.offset", "ref.offset", BITS),
    Mutant(
        "engine.standalone:_check",
        "plan.samples < samples",
        "False",
        LIBRARY + "test_too_many_large_images_at_once_are_refused",
    ),
    Mutant("engine.standalone:_check", "choice.one.formula", "False", REFUSED),
    Mutant(
        "interop.native.module:_run",
        "'call void @restore(i64 %mode)'",
        "''",
        LIBRARY + "test_denormals_are_zeros_and_the_callers_mode_comes_back",
    ),
    Mutant(
        "_CONSTANTS",
        "'internal '",
        "''",
        LIBRARY + "test_nothing_is_written_or_run_but_code_and_only_two_names_are_seen",
    ),
    Mutant("interop.native.module:_kernels", "2 * mine", "0", BITS),
    Mutant("interop.native.module:_overlap", "(new - both) // 2", "(new - both + 1) // 2", PREPARED),
    Mutant(
        "_tables",
        "np.moveaxis(shown.standardise(levels)[0, 0], -1, 0)",
        "shown.standardise(levels)[0, 0]",
        PREPARED,
    ),
    Mutant("_check_ours", "WRITTEN.encode() in path.read_bytes()", "True", OTHERS),
    Mutant("_literal", "'\"\\\\?'", "'\"'", EXAMPLE),
    Mutant("_comment", "printable(text).replace('*/', '* /')", "printable(text)", HEADER),
    Mutant(
        "interop.native.library:_processor",
        "plain(cpu)",
        "detect()",
        COMMAND + "test_for_other_processors_and_several_images",
    ),
]

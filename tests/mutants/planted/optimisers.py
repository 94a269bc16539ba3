"""Bugs in initial weights, Muon, gradients that are added up, and rates that are tried."""

from mutant import Mutant

_INIT = "base/test_initialisers.py::"
_MUON = "optim/test_muon.py::"
_MEAN = "train/test_accumulation.py::"
_RATE = "train/test_find_rate.py::"
_GROUPS = "optim/test_groups.py::"
_VIEWS = "data/test_views.py::"
_WHITE = "train/test_whitening.py::"

OPTIMISERS = [
    Mutant("_orthogonal", "max(inputs, units)", "inputs", _INIT + "test_orthogonal_matrices[48-75]"),
    Mutant("_orthogonal", "q.swapaxes(1, 2)", "q", _INIT + "test_orthogonal_filters_of_groups_and_positions"),
    Mutant(
        "_orthogonal",
        "np.diagonal(r, axis1=-2, axis2=-1) < 0",
        "np.diagonal(r, axis1=-2, axis2=-1) < -1e9",
        _INIT + "test_orthogonal_draws_have_no_side",
    ),
    Mutant(
        "Weights.draw",
        "init is not None and param.init == USUAL",
        "init is not None",
        "net/test_weights.py::test_an_init_takes_the_place_of_the_usual_one",
    ),
    Mutant(
        "Weights.draw",
        "param.init in WHOLE",
        "False",
        "net/test_weights.py::test_large_orthogonal_weights_are_drawn_whole",
    ),
    Mutant(
        "Weights.filters",
        "param.positions == 1",
        "True",
        "net/test_weights.py::test_filters_are_the_matrices_of_convolutions",
    ),
    Mutant(
        "silent",
        "not view.any()",
        "view.all()",
        "train/test_trouble.py::test_weights_that_begin_at_0_learn_nothing_and_it_says_so",
    ),
    Mutant(
        "optim.muon:orthogonal",
        "u.shape[0] >= u.shape[1]",
        "True",
        _MUON + "test_singular_vectors_stay_and_values_follow_the_polynomial[shape1]",
        0,
    ),
    Mutant(
        "optim.muon:orthogonal",
        "x.T @ x",
        "x.T @ (x + x)",
        _MUON + "test_singular_vectors_stay_and_values_follow_the_polynomial[shape2]",
    ),
    Mutant(
        "stretch",
        "matrix.columns / matrix.rows",
        "matrix.rows / matrix.columns",
        _MUON + "test_filters_of_many_outputs_are_stretched",
    ),
    Mutant("Muon.update", "scalars['decay'] * w", "0 * w", _MUON + "test_one_step_by_hand"),
    Mutant(
        "Clipped.heading",
        "self._clipped(dw, scalars)",
        "dw",
        _MUON + "test_without_filters_it_is_nesterovs_rule",
    ),
    Mutant(
        "_one",
        "matrix.columns > matrix.rows",
        "False",
        _MUON + "test_compiled_muon_follows_its_formula_and_threads_change_no_bit",
    ),
    Mutant(
        "orthogonalise",
        "heading.plus(matrix.start - start)",
        "heading",
        _MUON + "test_compiled_muon_follows_its_formula_and_threads_change_no_bit",
    ),
    Mutant(
        "kernels.products:product",
        "end * height",
        "end * height - 1",
        "kernels/test_products.py::test_tasks_change_no_bit_of_a_product",
        0,
    ),
    Mutant("_parts", "depth > whole", "False", "kernels/test_products.py::test_products"),
    Mutant(
        "kernels.update:mean",
        "k.scalar(trouble).equals(0.0)",
        "True",
        _MEAN + "test_a_batch_that_is_not_finite_is_not_taken_into_the_mean[True]",
    ),
    Mutant(
        "optim.rule:shares",
        "samples / (before + samples)",
        "1 - before",
        _MEAN + "test_several_batches_are_one_large_one",
    ),
    Mutant(
        "update_steps",
        "{Ref('@trouble'): 1, Ref('@hold'): 1}",
        "{Ref('@trouble'): 1}",
        _MEAN + "test_weights_stay_until_the_last_batch_and_norms_see_single_ones[True]",
    ),
    Mutant(
        "Loop._step",
        "done + 1 == run.loader.steps",
        "False",
        _MEAN + "test_a_run_is_that_of_large_batches[formula]",
    ),
    Mutant(
        "Loop._step", "before * run.loader.batch", "0", _MEAN + "test_a_run_is_that_of_large_batches[formula]"
    ),
    Mutant(
        "train.run:updates",
        "-(-loader.steps // (settings.accumulate or 1))",
        "loader.steps",
        _MEAN + "test_a_run_is_that_of_large_batches[formula]",
    ),
    Mutant(
        "train.find_rate:smoothed",
        "mean / (1 - KEEP**i)",
        "mean",
        _RATE + "test_running_means_are_weighted_means",
    ),
    Mutant(
        "train.find_rate:judged",
        "falls[settled:]",
        "falls[:1]",
        _RATE + "test_the_steepest_fall_is_proposed",
    ),
    Mutant(
        "train.find_rate:judged",
        "min(steepest, safe)",
        "steepest",
        _RATE + "test_a_tenth_of_the_blow_up_is_proposed_where_that_is_less",
    ),
    Mutant(
        "train.find_rate:judged",
        "min(SETTLED, lowest)",
        "0",
        _RATE + "test_a_mean_of_few_losses_is_no_fall",
    ),
    Mutant("_dirac", "n // 2", "0", _INIT + "test_dirac_filters_hand_on_channels[4-3]"),
    Mutant("_dirac", "min(p.shape[-2:])", "p.shape[-1]", _INIT + "test_dirac_filters_hand_on_channels[2-5]"),
    Mutant(
        "Groups.members",
        "path not in here",
        "True",
        _GROUPS + "test_each_parameter_follows_the_first_rule_that_fits",
    ),
    Mutant(
        "Groups.members",
        "len(rule.scalars(0))",
        "0",
        _GROUPS + "test_each_parameter_follows_the_first_rule_that_fits",
    ),
    Mutant(
        "Groups.decaying",
        "fnmatchcase(path, pattern)",
        "False",
        _GROUPS + "test_the_decay_of_a_group_is_for_its_biases_too[2]",
    ),
    Mutant(
        "Weights.runs",
        "start != ends",
        "False",
        _GROUPS + "test_one_step_of_a_group_is_that_of_its_rule_alone",
    ),
    Mutant(
        "FormulaStep._change",
        "norm(dw) if self.rule.reads_norm else None",
        "None",
        _GROUPS + "test_the_clip_is_that_of_the_whole_gradient",
    ),
    Mutant(
        "engine.update:_follow",
        "Ref('@rates').plus(member.first)",
        "Ref('@rates')",
        _GROUPS + "test_compiled_groups_follow_their_formulas_and_threads_change_no_bit[<lambda>0]",
    ),
    Mutant(
        "optim.muon:renormed",
        "one.columns",
        "one.rows",
        _MUON + "test_filters_get_their_length_before_the_step",
    ),
    Mutant(
        "kernels.products:renormed",
        "k.scalar(trouble).equals(0.0)",
        "k.scalar(length) <= 1e30",
        _MUON + "test_a_step_that_is_not_finite_changes_nothing[rule1]",
    ),
    Mutant("Views._moved", "2 * n", "n", _VIEWS + "test_the_six_views_by_their_indices", 0),
    Mutant("Views.of", "1 + self.flip", "1", _VIEWS + "test_the_six_views_by_their_indices"),
    Mutant("train.whitening:whiten", "-found", "found", _WHITE + "test_what_the_filters_give_is_white"),
    Mutant(
        "train.whitening:_patches",
        "np.moveaxis(views, 3, -1)",
        "views",
        _WHITE + "test_what_the_filters_give_is_white",
    ),
    Mutant(
        "Model._of",
        "found.views",
        "Views()",
        _WHITE + "test_a_saved_model_judges_its_views",
    ),
    Mutant(
        "Rising.after", "self.rate / self.first", "self.rate", _RATE + "test_rates_rise_by_the_same_factor"
    ),
]

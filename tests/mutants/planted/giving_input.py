"""Bugs in networks that give their input: targets, the evidence lower bound, what is shown of them."""

from mutant import Mutant

TRAINED, SAID, SHOWN = (
    *("train/test_giving_input.py::", "cli/test_giving_input_command.py::"),
    "look/test_reconstructions.py::",
)

GIVING_INPUT = [
    Mutant(
        "GaussianDraw.forward",
        "ctx.train or ctx.draws",
        "ctx.train",
        TRAINED + "test_the_bound_is_equation_10_of_kingma_and_welling",
    ),
    Mutant(
        "_from",
        "context.first_sample + sample",
        "context.first_sample",
        TRAINED + "test_the_draws_of_evaluation_depend_on_the_number_of_the_sample_alone[7]",
    ),
    Mutant(
        "losses_of",
        "first_sample=first",
        "first_sample=0",
        TRAINED + "test_the_draws_of_evaluation_depend_on_the_number_of_the_sample_alone[128]",
    ),
    Mutant(
        "target_of",
        "len(main) > 1",
        "True",
        TRAINED + "test_what_a_network_is_trained_to_give_follows_from_it",
    ),
    Mutant(
        "input_targets",
        "np.zeros((len(x), *goal.loss.target_shape(goal.scores)), x.dtype)",
        "np.ones((len(x), *goal.loss.target_shape(goal.scores)), x.dtype)",
        TRAINED + "test_targets_are_the_input_and_zeros",
    ),
    Mutant(
        "total", "weights.get(name, 1.0) * lost", "lost", TRAINED + "test_targets_are_the_input_and_zeros"
    ),
    Mutant(
        "preparation_for",
        "mean=(0.0,) * channels",
        "mean=found.mean",
        TRAINED + "test_the_bound_is_equation_10_of_kingma_and_welling",
    ),
    Mutant(
        "is_bound",
        "isinstance(loss, SigmoidCrossEntropy)",
        "True",
        TRAINED + "test_what_makes_the_bound[quadratic]",
    ),
    Mutant("Run._results", "-sum(lost)", "sum(lost)", TRAINED + "test_what_a_run_leaves"),
    Mutant(
        "_merit",
        "-(row.val_loss or 0.0)",
        "(row.val_loss or 0.0)",
        TRAINED + "test_the_best_epoch_is_of_the_least_loss",
    ),
    Mutant(
        "_loss_of_mean",
        "np.log(mean / (1 - mean))",
        "mean",
        TRAINED + "test_one_that_gives_the_same_for_all_is_told",
    ),
    Mutant(
        "read_losses",
        "name in others",
        "False",
        TRAINED + "test_texts_that_are_refused[twice]",
    ),
    Mutant(
        "given_back",
        "np.rint(255 * np.clip(made, 0, 1))",
        "np.floor(255 * np.clip(made, 0, 1))",
        TRAINED + "test_a_model_in_python",
    ),
    Mutant(
        "drawn",
        "stream(seed, 'codes')",
        "stream(seed + 1, 'codes')",
        TRAINED + "test_what_the_decoder_draws",
    ),
    Mutant("elbo_of", "-sum(parts.values())", "sum(parts.values())", SAID + "test_evaluate"),
    Mutant(
        "pairs",
        "[images[some], blank, made[some], blank]",
        "[made[some], blank, images[some], blank]",
        SHOWN + "test_a_sheet_of_pairs",
    ),
    Mutant("draw", "_drawn(given_back)", "_pairs(given_back)", SHOWN + "test_the_files"),
]

"""Bugs in how a run is told to train."""

from mutant import Mutant

_RECIPES = "train/test_recipes.py::"

RECIPES = [
    Mutant(
        "_in_steps",
        "round(value * steps)",
        "round(value)",
        "optim/test_rule_words.py::test_schedules_count_in_epochs",
    ),
    Mutant(
        "Course.schedule",
        "steps * epochs",
        "steps",
        _RECIPES + "test_a_card_gives_rule_and_schedule",
    ),
    Mutant(
        "train.recipe:_rule",
        "names == numbers_of(read_rule(card.optimizer)[0])",
        "names",
        _RECIPES + "test_the_numbers_of_a_card_are_for_rules_with_the_same_numbers",
    ),
    Mutant(
        "complete",
        "settings.schedule or card.schedule",
        "card.schedule",
        _RECIPES + "test_settings_go_before_the_card",
    ),
]

"""Floor 6: training a network on data, and the files that come of it."""

from kitnet.train.events import (
    Abandoned,
    Changed,
    EpochEnded,
    Event,
    Finished,
    Foretold,
    Learned,
    Ready,
    Started,
    Stepped,
    Stopped,
    Warned,
)
from kitnet.train.find_rate import Rates, find_rate
from kitnet.train.fitting import fit
from kitnet.train.history import History
from kitnet.train.judgement import Judgement, judge
from kitnet.train.metrics import Score, evaluate
from kitnet.train.model import Model
from kitnet.train.model_file import load_network, save_network
from kitnet.train.prediction import Prediction
from kitnet.train.settings import Settings
from kitnet.train.step import pick_engine, pick_precision
from kitnet.train.trainer import reopen, resume, train

__all__ = [
    "Abandoned",
    "Changed",
    "EpochEnded",
    "Event",
    "Finished",
    "Foretold",
    "History",
    "Judgement",
    "Learned",
    "Model",
    "Prediction",
    "Rates",
    "Ready",
    "Score",
    "Settings",
    "Started",
    "Stepped",
    "Stopped",
    "Warned",
    "evaluate",
    "find_rate",
    "fit",
    "judge",
    "load_network",
    "pick_engine",
    "pick_precision",
    "reopen",
    "resume",
    "save_network",
    "train",
]

"""Floor 7: values as pictures and arithmetic; pure functions of a run folder and its data set.

run = examine(Record.read("runs/lenet5-1"))
run.judgement.predicted                          # (N,): the class that each test image is taken for
Path("page.html").write_text(report([run]))      # as `kitnet report` does
draw(run)                                        # PNG files into the run folder, by matplotlib
"""

from kitnet.look.confusion import ClassScore, Confusion, class_scores, classes_csv, confusions, matrix
from kitnet.look.curves import Curve, chart, curves
from kitnet.look.filters import Filters, first_filters
from kitnet.look.inside import Inside, Probe
from kitnet.look.judgement import judged
from kitnet.look.mistakes import Mistake, worst
from kitnet.look.pictures import can_draw, draw, write_classes
from kitnet.look.record import Record
from kitnet.look.report import Examined, examine, names_of, report
from kitnet.look.trace import Part, Trace, trace

__all__ = [
    "ClassScore",
    "Confusion",
    "Curve",
    "Examined",
    "Filters",
    "Inside",
    "Mistake",
    "Part",
    "Probe",
    "Record",
    "Trace",
    "can_draw",
    "chart",
    "class_scores",
    "classes_csv",
    "confusions",
    "curves",
    "draw",
    "examine",
    "first_filters",
    "judged",
    "matrix",
    "names_of",
    "report",
    "trace",
    "worst",
    "write_classes",
]

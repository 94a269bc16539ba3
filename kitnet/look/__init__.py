"""Floor 7: values as pictures and arithmetic; pure functions of a run folder and its data set.

run = examine(Record.read("runs/lenet5-1"))
run.judgement.predicted                          # (N,): the class that each test image is taken for
Path("page.html").write_text(report([run]))      # as `kitnet report` does
draw(run)                                        # PNG files into the run folder, by matplotlib
"""

from kitnet.look.confusion import ClassScore, Confusion, class_scores, classes_csv, confusions, matrix
from kitnet.look.curves import Curve, chart, curves
from kitnet.look.filtered import filtered
from kitnet.look.filters import Filters, filters_of, filters_sheet, first_filters
from kitnet.look.inside import Inside
from kitnet.look.judgement import judged
from kitnet.look.maps import Maps, maps_of, maps_sheet
from kitnet.look.mistakes import Mistake, worst
from kitnet.look.pictures import can_draw, draw, write_classes
from kitnet.look.png import png
from kitnet.look.probe import Probe
from kitnet.look.reconstructions import Reconstructions, reconstruct
from kitnet.look.record import Record
from kitnet.look.report import Examined, examine, names_of, report
from kitnet.look.strip import Column, columns_of, strip
from kitnet.look.trace import Part, Trace, say_place, trace

__all__ = [
    "ClassScore",
    "Column",
    "Confusion",
    "Curve",
    "Examined",
    "Filters",
    "Inside",
    "Maps",
    "Mistake",
    "Part",
    "Probe",
    "Reconstructions",
    "Record",
    "Trace",
    "can_draw",
    "chart",
    "class_scores",
    "classes_csv",
    "columns_of",
    "confusions",
    "curves",
    "draw",
    "examine",
    "filtered",
    "filters_of",
    "filters_sheet",
    "first_filters",
    "judged",
    "maps_of",
    "maps_sheet",
    "matrix",
    "names_of",
    "png",
    "reconstruct",
    "report",
    "say_place",
    "strip",
    "trace",
    "worst",
    "write_classes",
]

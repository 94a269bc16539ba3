"""A data set as a page shows it: what it is made of, what is wrong with it, its first pictures. All numbers
are those of `kitnet data`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kitnet.data import Augmentation, Parts
from kitnet.data.doctor import contact_sheets, examine
from kitnet.studio import numbers
from kitnet.studio.background import Progress
from kitnet.train import Settings

MOST_CLASSES, MOST_TOLD, MOST_SIZES = 1000, 200, 5


def told(parts: Parts, settings: Settings, progress: Progress) -> dict[str, Any]:
    """All of a run's data; its contact sheet as it is, and after the run's augmentation. Raises DataError."""
    report = examine(parts, progress)
    augmentation = Augmentation.parse(settings.augment or "")
    sheets = contact_sheets(parts.train, augmentation, settings.seed)
    return {
        "name": report.name,
        "classes": list(report.classes[:MOST_CLASSES]),
        "classes_left_out": max(0, len(report.classes) - MOST_CLASSES),
        "parts": {
            name: {
                "images": part.pictures,
                "counts": part.classes[:MOST_CLASSES],
                "sizes": [[list(size), count] for size, count in part.sizes.most_common(MOST_SIZES)],
                "sizes_left_out": max(0, len(part.sizes) - MOST_SIZES),
                "mean": list(part.mean),
                "deviation": list(part.deviation),
                "broken": _some(part.broken),
            }
            for name, part in report.parts.items()
        },
        "empty": list(report.empty),
        "duplicates": _some([each._asdict() for each in report.duplicates]),
        "sheets": [numbers.picture(sheet) for sheet in sheets],
        "augment": settings.augment if len(sheets) > 1 else None,
    }


def _some(things: Sequence[Any]) -> dict[str, Any]:
    return {"all": len(things), "first": list(things[:MOST_TOLD])}

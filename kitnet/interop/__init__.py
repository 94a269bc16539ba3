"""Floor 7: networks for other programs.

model = kitnet.load("runs/lenet5-1")
page = web_page(model, "my digits", samples_of("runs/lenet5-1", model))   # one HTML file, page.text
"""

from kitnet.interop.samples import Samples, golden_samples, samples_of
from kitnet.interop.web_page import WebPage, web_page

__all__ = ["Samples", "WebPage", "golden_samples", "samples_of", "web_page"]

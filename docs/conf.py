"""The site: `sphinx-build -W -c docs . build/site`, without a network; `pip install 'kitnet[docs]'` first.

Pages are the Markdown files of the tree as they are. A page asks for what is made of the code and of results/
by a line such as `<!-- made: commands -->`; docs/site has the makers.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "site"), str(ROOT / "tests")]

import kitnet  # noqa: E402 - the one beside these pages

project, author, copyright = "kitnet", "kitnet", "kitnet, Apache-2.0"
version = release = kitnet.__version__
extensions = ["myst_parser", "making"]
root_doc = "docs/index"
include_patterns = [
    *("*.md", "docs/**.md", "kitnet/lessons/**.md", "results/**.md"),
    *("bench/README.md", "experiments/README.md"),
]
exclude_patterns = [".*", "build", "dist", "runs", "tests"]
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
suppress_warnings = ["myst.header"]  # a chapter may begin below its title
smartquotes = False
html_theme = "alabaster"
html_title = f"kitnet {release}"
html_show_sphinx = html_copy_source = False
html_static_path, html_css_files = ["site/static"], ["site.css"]
html_extra_path = ["site/root"]  # index.html, which leads to docs/index.html
html_theme_options = {
    "description": "Convolutional networks, from formula to full speed",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "font_family": "system-ui, sans-serif",
}

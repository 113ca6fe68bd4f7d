"""Configuration of the Sphinx documentation builder."""

import os
import sys
from importlib.metadata import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

# Links into other projects' documentation need the network, so only the published build resolves and checks them.
ONLINE = os.environ.get("READTHEDOCS") == "True"

# -- Project information -----------------------------------------------------

info = metadata("crystallin")
project = info["Name"]
author = info["Author"]
copyright = f"2026, {author}"
release = info["Version"]
version = release
repository_url = dict(entry.split(", ") for entry in info.get_all("Project-URL"))["Source"]

# -- General configuration ---------------------------------------------------

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    *(path.stem for path in sorted((HERE / "extensions").glob("*.py"))),
]
if ONLINE:
    extensions.append("sphinx.ext.intersphinx")

needs_sphinx = "8.1"
templates_path = ["_templates"]
exclude_patterns = ["_build", "**.ipynb_checkpoints", "Thumbs.db", ".DS_Store"]
default_role = "literal"
python_maximum_signature_line_length = 88

autosummary_generate = True
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"

napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_include_init_with_doc = False
napoleon_use_rtype = True
napoleon_use_param = True

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_url_schemes = ("http", "https", "mailto")

# Notebooks are committed with their outputs.
nb_execution_mode = "off"
nb_merge_streams = True
nb_output_stderr = "remove"

intersphinx_mapping = {
    "anndata": ("https://anndata.readthedocs.io/en/stable/", None),
    "matplotlib": ("https://matplotlib.org/stable/", None),
    "numpy": ("https://numpy.org/doc/stable/", None),
    "pandas": ("https://pandas.pydata.org/docs/", None),
    "python": ("https://docs.python.org/3", None),
    "scanpy": ("https://scanpy.readthedocs.io/en/stable/", None),
    "scipy": ("https://docs.scipy.org/doc/scipy/", None),
    "scvi": ("https://docs.scvi-tools.org/en/stable/", None),
    "torch": ("https://docs.pytorch.org/docs/stable/", None),
}

# -- HTML output -------------------------------------------------------------

html_theme = "sphinx_book_theme"
html_title = project
html_math_renderer = "svg"  # extensions/equations.py
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
html_theme_options = {
    "repository_url": repository_url,
    "use_repository_button": True,
    "path_to_docs": "docs/",
    "navigation_with_keys": False,
    "navbar_persistent": [],  # the search is in the sidebar
}
pygments_style = "default"

# -- Link check --------------------------------------------------------------

linkcheck_retries = 2
linkcheck_timeout = 30
linkcheck_anchors = False  # many pages make their anchors in the browser
linkcheck_ignore = [r"https://doi\.org/"]  # resolves for people, but publishers turn programs away

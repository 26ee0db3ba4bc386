"""Every check, also in a fresh clone: the project and its tools are installed first if need be."""

from _bootstrap import SCRIPTS, launch

launch(f"{SCRIPTS}/_checks.py", extras="test,lint")

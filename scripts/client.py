"""`trio-chat connect ARGS` for a fresh clone: what is not installed yet is installed first."""

from _bootstrap import launch

launch("-m", "trio_chat", "connect")

"""One job of a finished run, carried out again in this process: is it the same, and if not, which input differs."""

from dbatch.replay.again import replay
from dbatch.replay.report import ReplayReport

__all__ = ["ReplayReport", "replay"]

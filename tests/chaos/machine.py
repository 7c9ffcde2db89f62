"""A batch in the hands of fate: calls, crashes, changes and damage in any order, and what holds all the while."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dbatch import durable
from dbatch.batch.carry_out import BatchOutcome, carry_out
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import plan_batch
from dbatch.batch.progress import SilentBatch
from dbatch.batch.stored import stored_batch
from dbatch.config.batch_file import load_batch
from dbatch.engine import unit
from dbatch.engine.control import Control
from dbatch.engine.execute import Execution
from dbatch.errors import OutputError
from dbatch.model import Receipt
from dbatch.results import ledger, publish
from dbatch.results.consolidate import read_results, result_digest
from dbatch.results.folder import temporaries
from dbatch.results.ledger import LEDGER_NAME, open_ledger, reading_ledger
from dbatch.results.part import is_intact

from .scene import write_batch, write_prints, write_strategy

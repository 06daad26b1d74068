"""The whole protocol between a front end and the core: frozen dataclasses of plain data, commands one way, events back.

Anything that a screen does is one of these commands, so a test, a script and a screen drive the same core. Events
travel in envelopes that carry the generation of the core that sent them (see `connection.py`), so that late messages of
a core that was killed can be told apart. The commands stand in `commands.py`, the events in `events.py`.
"""

from lmcore.experiments.records import HookRow as HookRow
from lmcore.experiments.records import LayerRow as LayerRow
from lmcore.experiments.records import MomentRecord as MomentRecord
from lmcore.experiments.records import MomentSource as MomentSource
from lmcore.process.commands import Ablate as Ablate
from lmcore.process.commands import Agree as Agree
from lmcore.process.commands import Cancel as Cancel
from lmcore.process.commands import Command as Command
from lmcore.process.commands import DescribeHooks as DescribeHooks
from lmcore.process.commands import Fork as Fork
from lmcore.process.commands import Generate as Generate
from lmcore.process.commands import Inspect as Inspect
from lmcore.process.commands import ListMoments as ListMoments
from lmcore.process.commands import Load as Load
from lmcore.process.commands import Pause as Pause
from lmcore.process.commands import Resume as Resume
from lmcore.process.commands import Rewind as Rewind
from lmcore.process.commands import RunUntil as RunUntil
from lmcore.process.commands import SaveCheckpoint as SaveCheckpoint
from lmcore.process.commands import SetValue as SetValue
from lmcore.process.commands import ShutDown as ShutDown
from lmcore.process.commands import Start as Start
from lmcore.process.commands import Step as Step
from lmcore.process.commands import Stop as Stop
from lmcore.process.commands import StopAblation as StopAblation
from lmcore.process.commands import ToggleHook as ToggleHook
from lmcore.process.events import AblationBegan as AblationBegan
from lmcore.process.events import AblationCell as AblationCell
from lmcore.process.events import AblationEnded as AblationEnded
from lmcore.process.events import AblationStands as AblationStands
from lmcore.process.events import CheckpointSaved as CheckpointSaved
from lmcore.process.events import ConsentWanted as ConsentWanted
from lmcore.process.events import CoreDied as CoreDied
from lmcore.process.events import Evaluation as Evaluation
from lmcore.process.events import Event as Event
from lmcore.process.events import Failed as Failed
from lmcore.process.events import Finished as Finished
from lmcore.process.events import GenerationDone as GenerationDone
from lmcore.process.events import Heartbeat as Heartbeat
from lmcore.process.events import HookDescription as HookDescription
from lmcore.process.events import HookStatistics as HookStatistics
from lmcore.process.events import Inspection as Inspection
from lmcore.process.events import LayerStatistics as LayerStatistics
from lmcore.process.events import LogLine as LogLine
from lmcore.process.events import Metrics as Metrics
from lmcore.process.events import MomentList as MomentList
from lmcore.process.events import Progress as Progress
from lmcore.process.events import Ready as Ready
from lmcore.process.events import ReasonWanted as ReasonWanted
from lmcore.process.events import Rejected as Rejected
from lmcore.process.events import State as State
from lmcore.process.events import StateChanged as StateChanged
from lmcore.process.events import Token as Token
from lmcore.process.events import ValueChanged as ValueChanged
from lmcore.process.rows import CodeFile as CodeFile
from lmcore.process.rows import HookArgument as HookArgument
from lmcore.process.rows import HookEntry as HookEntry
from lmcore.process.rows import RunInfo as RunInfo

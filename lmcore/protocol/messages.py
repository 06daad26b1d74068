"""The whole protocol between a front end and the core: frozen dataclasses of plain data, commands one way, events back.

Anything that a screen does is one of these commands, so a test, a script and a screen drive the same core. Events
travel in envelopes that carry the generation of the core that sent them (see `queues.py`), so that late messages of
a core that was killed can be told apart. The commands stand in `commands.py`, the events in `events.py`.
"""

from lmcore.protocol.commands import Ablate as Ablate
from lmcore.protocol.commands import Agree as Agree
from lmcore.protocol.commands import Cancel as Cancel
from lmcore.protocol.commands import Command as Command
from lmcore.protocol.commands import DescribeHooks as DescribeHooks
from lmcore.protocol.commands import Fork as Fork
from lmcore.protocol.commands import Generate as Generate
from lmcore.protocol.commands import Inspect as Inspect
from lmcore.protocol.commands import ListMoments as ListMoments
from lmcore.protocol.commands import Load as Load
from lmcore.protocol.commands import Pause as Pause
from lmcore.protocol.commands import Resume as Resume
from lmcore.protocol.commands import Rewind as Rewind
from lmcore.protocol.commands import RunUntil as RunUntil
from lmcore.protocol.commands import SaveCheckpoint as SaveCheckpoint
from lmcore.protocol.commands import SetValue as SetValue
from lmcore.protocol.commands import ShutDown as ShutDown
from lmcore.protocol.commands import Start as Start
from lmcore.protocol.commands import Step as Step
from lmcore.protocol.commands import Stop as Stop
from lmcore.protocol.commands import StopAblation as StopAblation
from lmcore.protocol.events import AblationBegan as AblationBegan
from lmcore.protocol.events import AblationCell as AblationCell
from lmcore.protocol.events import AblationEnded as AblationEnded
from lmcore.protocol.events import AblationStands as AblationStands
from lmcore.protocol.events import CheckpointSaved as CheckpointSaved
from lmcore.protocol.events import ConsentWanted as ConsentWanted
from lmcore.protocol.events import CoreDied as CoreDied
from lmcore.protocol.events import Evaluation as Evaluation
from lmcore.protocol.events import Event as Event
from lmcore.protocol.events import Failed as Failed
from lmcore.protocol.events import Finished as Finished
from lmcore.protocol.events import GenerationDone as GenerationDone
from lmcore.protocol.events import Heartbeat as Heartbeat
from lmcore.protocol.events import HookDescription as HookDescription
from lmcore.protocol.events import HookStatistics as HookStatistics
from lmcore.protocol.events import Inspection as Inspection
from lmcore.protocol.events import LayerStatistics as LayerStatistics
from lmcore.protocol.events import LogLine as LogLine
from lmcore.protocol.events import Metrics as Metrics
from lmcore.protocol.events import MomentList as MomentList
from lmcore.protocol.events import MomentRecord as MomentRecord
from lmcore.protocol.events import Progress as Progress
from lmcore.protocol.events import Ready as Ready
from lmcore.protocol.events import ReasonWanted as ReasonWanted
from lmcore.protocol.events import Record as Record
from lmcore.protocol.events import Rejected as Rejected
from lmcore.protocol.events import State as State
from lmcore.protocol.events import StateChanged as StateChanged
from lmcore.protocol.events import Token as Token
from lmcore.protocol.events import ValueChanged as ValueChanged
from lmcore.protocol.rows import HookArgument as HookArgument
from lmcore.protocol.rows import HookEntry as HookEntry
from lmcore.protocol.rows import HookRow as HookRow
from lmcore.protocol.rows import LayerRow as LayerRow
from lmcore.protocol.rows import MetricRow as MetricRow
from lmcore.protocol.rows import MomentSource as MomentSource
from lmcore.protocol.rows import OwnFile as OwnFile
from lmcore.protocol.rows import RunInfo as RunInfo

"""Small questions over the screen, from yes or no to whether code may run and what broke."""

from tui.dialogs.ask_text import AskTextDialog
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.consent import ConsentDialog
from tui.dialogs.core_died import CoreDiedDialog
from tui.dialogs.open_file import OpenFileDialog
from tui.dialogs.quit import QuitDialog
from tui.dialogs.reason import ReasonDialog
from tui.dialogs.rename import RenameDialog
from tui.dialogs.save_as import SaveAsDialog, as_config_path
from tui.dialogs.tags import TagsDialog
from tui.dialogs.traceback import TracebackDialog
from tui.dialogs.waiting_dialog import AskingDialog

__all__ = [
    "AskTextDialog",
    "AskingDialog",
    "ConfirmDialog",
    "ConsentDialog",
    "CoreDiedDialog",
    "OpenFileDialog",
    "QuitDialog",
    "ReasonDialog",
    "RenameDialog",
    "SaveAsDialog",
    "TagsDialog",
    "TracebackDialog",
    "as_config_path",
]

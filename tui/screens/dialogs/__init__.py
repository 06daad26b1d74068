"""Small questions over the screen, from yes or no to whether code may run and what broke."""

from tui.screens.dialogs.ask_text import AskTextDialog
from tui.screens.dialogs.asking import AskingDialog
from tui.screens.dialogs.confirm import ConfirmDialog
from tui.screens.dialogs.consent import ConsentDialog
from tui.screens.dialogs.core_died import CoreDiedDialog
from tui.screens.dialogs.open_file import OpenFileDialog
from tui.screens.dialogs.quit import QuitDialog
from tui.screens.dialogs.reason import ReasonDialog
from tui.screens.dialogs.rename import RenameDialog
from tui.screens.dialogs.save_as import SaveAsDialog, as_config_path
from tui.screens.dialogs.tags import TagsDialog
from tui.screens.dialogs.traceback import TracebackDialog

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

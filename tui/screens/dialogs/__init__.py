"""Small questions over the screen: confirm, quit, the core died, open a file, save as, rename."""

from tui.screens.dialogs.ask_text import AskTextDialog
from tui.screens.dialogs.confirm import ConfirmDialog
from tui.screens.dialogs.core_died import CoreDiedDialog
from tui.screens.dialogs.open_file import OpenFileDialog
from tui.screens.dialogs.quit import QuitDialog
from tui.screens.dialogs.rename import RenameDialog
from tui.screens.dialogs.save_as import SaveAsDialog, as_config_path

__all__ = [
    "AskTextDialog",
    "ConfirmDialog",
    "CoreDiedDialog",
    "OpenFileDialog",
    "QuitDialog",
    "RenameDialog",
    "SaveAsDialog",
    "as_config_path",
]

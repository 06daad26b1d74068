"""The configuration pane: a form and a text, two views of one YAML text, checked as one types."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.events import DescendantFocus, Resize
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from lmcore.config import ConfigError, Problem, TrainingConfig, changed_text, read_config_text, shortening_notes
from tui.bindings import pane_bindings
from tui.lab.state import LabState
from tui.messages import ConfigEdited, Notice
from tui.panes.config import commands, on_disk, verdict
from tui.panes.config.against import against_baseline
from tui.panes.config.field_editor import FieldEditor
from tui.panes.config.field_edits import next_choice
from tui.panes.config.files import first_text
from tui.panes.config.form import FieldList
from tui.panes.config.meaning import meaning
from tui.panes.config.reading import Reading, changed_keys, read
from tui.panes.config.rows import FORM_SECTIONS, matching_rows, section_rows
from tui.panes.config.section_bar import SectionBar
from tui.panes.config.yaml_text import YamlText

_CHECK_AFTER = 0.12
"""Seconds of quiet after which a typed text is checked."""


class ConfigPane(Widget):
    """Shows and edits one configuration. Its text is the source of truth; the form is a view of it."""

    DEFAULT_CSS = """
    ConfigPane {
        layout: vertical; padding: 0 1; border-subtitle-color: $text-muted;
        #form { height: 1fr; layers: base editor; layout: vertical; }
        #about { height: 3; color: $foreground; background: $boost; }
        #verdict { height: auto; max-height: 5; min-height: 2; color: $text-muted; }
        #filter { display: none; height: 1; border: none; padding: 0; }
        #filter:focus { border: none; }
        #yaml { display: none; }
        &.-text #form { display: none; }
        &.-text #yaml { display: block; }
        &.-low #about { height: 2; }
        &.-low #verdict { min-height: 1; max-height: 2; }
    }
    """

    BORDER_TITLE = "1 Config"

    BINDINGS: ClassVar[list[BindingType]] = pane_bindings("config")

    lab: reactive[LabState] = reactive(LabState(), init=False, repaint=False)

    def __init__(self, path: Path | None = None, runs_folder: Path | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.path = path
        self.runs_folder = runs_folder  # where a baseline is looked for; None: as the configuration says
        self.saved_text, self._first_notice = first_text(path)
        if self._first_notice:
            self.path = None
        self.text = self.saved_text
        self.reading: Reading = read(self.text)
        self.saved_reading: Reading = self.reading
        self.disk = on_disk.OnDisk()
        self.running: TrainingConfig | None = None
        self.section = FORM_SECTIONS[0]
        self._cursors: dict[str, int] = {}
        self._typed: Reading | None = None  # what the text would be with what is being typed
        self._verdict = Content("")
        self._against: Content | None = None  # the baseline that the text names
        self._check_timer: Timer | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the present text; a text that was just typed is checked first."""
        if self.reading.text != self.text:
            self._check()
        return self.reading.problems

    @property
    def _folder(self) -> Path:
        return self.path.parent if self.path is not None else Path()

    @property
    def config(self) -> TrainingConfig | None:
        """What the text says; None while something in it is wrong."""
        return self.reading.config

    @property
    def is_behind(self) -> bool:
        """Whether another program wrote the file, and its text is not what is shown."""
        return self.disk.other is not None

    @property
    def is_changed(self) -> bool:
        """Whether the text differs from the file's."""
        return self.text != self.saved_text

    def load(self, path: Path) -> bool:
        """Show another file, if it can be read; otherwise a notice says why not."""
        try:
            text = read_config_text(path)
        except ConfigError as error:
            self.post_message(Notice(str(error), "error"))
            return False
        self.path, self.disk = path, on_disk.OnDisk()
        self.query_one(YamlText).load_text(text)
        self.text = self.saved_text = self.query_one(YamlText).text
        self.saved_reading = read(self.text)
        self._check()
        return True

    def compose(self) -> ComposeResult:
        """The form, the text, and below both what it all means."""
        with Container(id="form"):
            yield Input(id="filter", placeholder="find a field by name", compact=True)
            yield SectionBar()
            yield FieldList()
            yield FieldEditor()
            yield Static(id="about", markup=False)
        yield YamlText()
        yield Static(id="verdict", markup=False)

    def on_mount(self) -> None:
        """Fill the views from the text."""
        with self.prevent(TextArea.Changed):
            self.query_one(YamlText).load_text(self.text)
        self.text = self.saved_text = self.query_one(YamlText).text
        self.saved_reading = read(self.text)
        self._check()
        self.set_interval(on_disk.LOOK_EVERY, self.follow_file)
        if self._first_notice:
            self.post_message(Notice(self._first_notice, "error"))

    def focus(self, scroll_visible: bool = True) -> "ConfigPane":
        """Give the open view the focus."""
        target = self.query_one(YamlText) if self.shows_text else self.query_one(FieldList)
        self.screen.set_focus(target, scroll_visible)  # at once: the next key may be on its way already
        return self

    def on_resize(self, event: Resize) -> None:
        """Save lines where there are few."""
        self.set_class(event.size.height < 16, "-low")
        self.show_title()

    def watch_lab(self, old: LabState, new: LabState) -> None:
        """Follow the running run."""
        before, now = ((lab.run, lab.changes, lab.has_open_run, lab.moment) for lab in (old, new))
        if before != now:
            self.running = new.seen_config
            self._show_form()
        if old.seconds_per_step != new.seconds_per_step or old.run is not new.run:
            self._show_verdict()

    @property
    def open_run_config(self) -> TrainingConfig | None:
        """What the run that is open trains with, if there is one that can go on."""
        return self.running if self.lab.shows_run else None

    @property
    def shows_text(self) -> bool:
        """Whether the YAML text is shown rather than the form."""
        return self.has_class("-text")

    def change_text(self, text: str) -> None:
        """Bring the text to `text` as one step that can be undone, and check it."""
        with self.prevent(TextArea.Changed):
            self.query_one(YamlText).replace_text(text)
        self.text = self.query_one(YamlText).text
        self._check()

    def set_value(self, key: str, yaml: str) -> None:
        """Set one field in the text, changing its own characters only; fewer steps shorten the warm-up with them."""
        change, before = [(key, yaml)], self.text
        try:
            text = changed_text(before, change)
        except ConfigError as error:
            self.post_message(Notice(f"Not changed: {error}", "warning"))
            return
        self.change_text(text)
        for note in shortening_notes(before, change):
            self.post_message(Notice(note))

    def mark_saved(self, path: Path) -> None:
        """Take the present text as the file's."""
        self.path, self.disk = path, on_disk.OnDisk()
        self.saved_text = self.text
        self.saved_reading = read(self.text)
        self._check()

    def follow_file(self) -> None:
        """Look whether the file was changed by another program."""
        on_disk.follow(self)

    def open_section(self, section: str, cursor: int | None = None) -> None:
        """Show a section of the form, at a row or where its cursor was."""
        form = self.query_one(FieldList)
        self._cursors[self.section] = form.cursor
        self.section = section
        self._show_form(self._cursors.get(section, 0) if cursor is None else cursor)

    def go_to(self, key: str) -> None:
        """Put the form's cursor on a field."""
        section = key.partition(".")[0]
        self.close_filter()
        rows = section_rows(section, self.reading, self.saved_reading, None)
        self.open_section(section, next((i for i, row in enumerate(rows) if row.key == key), 0))

    def close_filter(self) -> None:
        """Leave the filter."""
        line = self.query_one("#filter", Input)
        if line.display:
            line.display = False
            self.query_one(SectionBar).display = True
            with self.prevent(Input.Changed):
                line.value = ""
            self._show_form(self._cursors.get(self.section, 0))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Check the text once the person pauses."""
        event.stop()
        self.text = event.text_area.text
        if self.text == self.reading.text:
            return
        if self._check_timer is not None:
            self._check_timer.stop()
        self._check_timer = self.set_timer(_CHECK_AFTER, self._check)

    def on_field_list_moved(self, event: FieldList.Moved) -> None:
        """Say what the field is; past an end, go on in the next section."""
        event.stop()
        if event.beyond and not self.query_one("#filter").display:
            index = FORM_SECTIONS.index(self.section) + event.beyond
            if 0 <= index < len(FORM_SECTIONS):
                self.open_section(FORM_SECTIONS[index], 0 if event.beyond > 0 else 10**6)
        self._show_about()

    def on_field_list_cycle_requested(self, event: FieldList.CycleRequested) -> None:
        """Take the next choice."""
        event.stop()
        self.set_value(event.row.key, next_choice(event.row, event.by))

    def on_field_list_edit_requested(self, event: FieldList.EditRequested) -> None:
        """Edit the value in its place."""
        event.stop()
        form = self.query_one(FieldList)
        self.query_one(FieldEditor).open(event.row, form.value_region().translate(form.virtual_region.offset))

    def on_field_editor_typed(self, event: FieldEditor.Typed) -> None:
        """Say at once whether the value can stand."""
        event.stop()
        try:
            self._typed = read(changed_text(self.text, [(event.key, event.yaml)]), self._folder)
        except ConfigError as error:
            self._typed = replace(self.reading, problems=error.problems)
        self._show_verdict()

    def on_field_editor_done(self, event: FieldEditor.Done) -> None:
        """Take the new value and go on in the form."""
        event.stop()
        self._typed = None
        form = self.query_one(FieldList)
        if self.query_one(FieldEditor).has_focus or self.screen.focused is None:
            form.focus()
        if event.yaml is not None:
            self.set_value(event.key, event.yaml)
        if event.move:
            form.action_move(event.move)
        self._show_about()

    def on_section_bar_chosen(self, event: SectionBar.Chosen) -> None:
        """Open the section that was clicked."""
        event.stop()
        self.open_section(event.section)
        self.query_one(FieldList).focus()

    def on_yaml_text_left(self) -> None:
        """Go back to the form."""
        self.action_toggle_text()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter the fields as one types."""
        if event.input.id == "filter":
            event.stop()
            self._show_form(0)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go from the filter to the fields it found."""
        if event.input.id == "filter":
            event.stop()
            self.query_one(FieldList).focus()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Draw the cursor as it is with the focus."""
        self.query_one(FieldList).refresh()

    def action_section(self, by: int) -> None:
        """Open the next section, around the end."""
        if not self.query_one("#filter").display:
            self.open_section(FORM_SECTIONS[(FORM_SECTIONS.index(self.section) + by) % len(FORM_SECTIONS)])

    def action_filter(self) -> None:
        """Find fields of all sections by name."""
        line = self.query_one("#filter", Input)
        self._cursors[self.section] = self.query_one(FieldList).cursor
        line.display = True
        self.query_one(SectionBar).display = False
        self._show_form(0)
        line.focus()

    def action_leave(self) -> None:
        """Leave the filter for the field that it found."""
        if self.query_one("#filter").display:
            row = self.query_one(FieldList).row
            if row is None:
                self.close_filter()
            else:
                self.go_to(row.key)
            self.query_one(FieldList).focus()

    def action_undo(self) -> None:
        """Take the last edit back."""
        self._travel(self.query_one(YamlText).undo)

    def action_redo(self) -> None:
        """Make the edit again that was taken back."""
        self._travel(self.query_one(YamlText).redo)

    def _travel(self, step: Callable[[], None]) -> None:
        with self.prevent(TextArea.Changed):
            step()
        self.text = self.query_one(YamlText).text
        self._check()

    def action_toggle_text(self) -> None:
        """Change between the form and the text."""
        commands.toggle_text(self)

    def action_apply(self) -> None:
        """Bring the configuration to the run that is going."""
        self.run_worker(commands.apply_to_run(self))

    def action_save(self) -> None:
        """Save the file."""
        self.run_worker(commands.save_text(self))

    def action_save_as(self) -> None:
        """Save under another name."""
        self.run_worker(commands.save_text_as(self))

    def action_reload(self) -> None:
        """Read the file again."""
        on_disk.reload(self)

    def action_open(self) -> None:
        """Open another file."""
        self.run_worker(commands.open_file(self))

    def action_revert(self) -> None:
        """Give the field the file's value again."""
        commands.revert(self)

    def _check(self) -> None:
        """Read the text and show what it says."""
        self._check_timer = None
        self.reading = read(self.text, self._folder)
        self._against = against_baseline(self.reading.config, self.runs_folder)
        hooks = self.reading.config.hooks if self.reading.config is not None else None
        self.post_message(ConfigEdited(self.text, self.path, hooks))
        self._show_form()
        self.show_title()

    def _show_form(self, cursor: int | None = None) -> None:
        if not self.children:
            return
        form, filter_line = self.query_one(FieldList), self.query_one("#filter", Input)
        running = self.open_run_config
        if filter_line.display:
            rows = matching_rows(filter_line.value, self.reading, self.saved_reading, running)
            empty = "no field has this in its name"
        else:
            rows = section_rows(self.section, self.reading, self.saved_reading, running)
            empty = "no hooks yet: add one in the hooks pane (5)"
        if not self.reading.is_readable:
            empty, rows = "the text is not readable as YAML: mend it (y)", ()
        form.show_rows(rows, cursor, empty)
        changed = {key.partition(".")[0] for key in changed_keys(self.reading, self.saved_reading)}
        wrong = {problem.key.partition(".")[0] for problem in self.reading.problems}
        self.query_one(SectionBar).show(self.section, frozenset(changed), frozenset(wrong))
        self._show_about()

    def _show_about(self) -> None:
        row = self.query_one(FieldList).row
        about = verdict.about(row, self.open_run_config is not None)
        self.query_one("#about", Static).update(about, layout=False)
        self._show_verdict()

    def _show_verdict(self) -> None:
        if not self.children:
            return
        reading = self._typed or self.reading
        if reading.config is None or reading.problems:
            content = verdict.wrong(reading.problems, self.query_one(FieldList).row)
        else:
            lines = meaning(reading.config, self.running, self.lab.seconds_per_step)
            content = verdict.meant(lines, self._against)
        if not self._verdict.is_same(content):
            self._verdict = content
            self.query_one("#verdict", Static).update(content)

    def show_title(self) -> None:
        """Say which file it is, what was changed, and whether that is wrong."""
        count = len(changed_keys(self.reading, self.saved_reading))
        changes = f" · {count} change{'s' * (count != 1)}" if count else " · text changed" if self.is_changed else ""
        changes += " · changed on disk" if self.disk.other is not None else ""
        self.border_subtitle = verdict.title(self.path, changes, len(self.reading.problems), self.size.width)

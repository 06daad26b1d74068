"""What changes while a run goes on: values, hooks, own files. Each change is checked, journaled, and only then made."""

from lmcore.config import parse_yaml_value
from lmcore.errors import LabError
from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.own_code import files_of_hooks, keep, kept
from lmcore.experiments.opened import Opened
from lmcore.experiments.runs.journal import CODE_KEY, change_now
from lmcore.experiments.runs.live import explained
from lmcore.experiments.runs.writer import RunWriter
from lmcore.generation import encode_prompt
from lmcore.protocol.messages import OwnFile, ValueChanged
from lmcore.training.optimizers import build_optimizer


class Changing:
    """The changes of one open run; hooks, optimizer and trainer follow each at once, so that it acts from the next
    step."""

    def __init__(self, opened: Opened, writer: RunWriter) -> None:
        self._opened = opened
        self._writer = writer
        self._unwritten: list[ValueChanged] = []  # made before this process writes the run
        self._versions: dict[str, OwnFile] = {}  # read here and perhaps not kept yet, by digest

    def set_value(self, step: int, key: str, yaml_text: str) -> list[ValueChanged]:
        """Change a value; the last record is of that change, those before it of own files that it brings.

        ConfigError, RunError or HookError for what cannot be; ConsentNeeded for files that were not agreed to.
        """
        opened = self._opened
        change = opened.live.check(step, key, yaml_text)
        if key == "evaluation.prompt":
            encode_prompt(opened.tokenizer, str(parse_yaml_value(change.new)))
        if not key.startswith("hooks"):
            return [self._make(change)]
        hooks = opened.live.after(change).hooks
        new = opened.own.read_new(files_of_hooks(hooks))
        require_consent(new)
        for file in new:
            opened.hooks.reload(file.name, file.text)
        opened.hooks.check(hooks)
        return [*(self.use_file(step, file) for file in new), self._make(change)]

    def use_file(self, step: int, file: OwnFile) -> ValueChanged:
        """Let a version of an own file act that was agreed to. HookError, with the trace of an error inside it."""
        self._versions[file.digest] = file
        old = self._opened.live.code.get(file.name, "")
        return self._make(change_now(step, CODE_KEY + file.name, old, file.digest))

    def version(self, name: str, digest: str) -> OwnFile:
        """A version of an own file that the run uses or has used. RunError if it is gone."""
        return self._versions.get(digest) or kept(self._opened.folder, name, digest)

    def repeat(self, step: int) -> list[ValueChanged]:
        """Repeat the changes of the journal that were made at `step` or before. RunError for one that cannot be."""
        repeated = []
        while (change := self._opened.live.next_due(step)) is not None:
            with explained(change):
                self._act(change)
            self._opened.live.repeat()
            self._use_values()
            repeated.append(self._opened.live.told(change))
        return repeated

    def write_pending(self) -> None:
        """Write the changes that were made before this process wrote the run. RunError."""
        while self._unwritten:
            self._write(self._unwritten[0])
            del self._unwritten[0]

    def _make(self, change: ValueChanged) -> ValueChanged:
        """Make a change and write it; one that cannot be written is not made either."""
        before = self._opened.own.files.get(change.key.removeprefix(CODE_KEY))
        self._act(change)
        try:
            if self._writer.is_open:
                self._write(change)
            else:
                self._unwritten.append(change)
        except LabError:
            self._opened.hooks.declare(self._opened.live.config.hooks)
            if before is not None:
                self._use_version(before)
            raise
        self._opened.live.make(change)
        self._use_values()
        return self._opened.live.told(change)

    def _write(self, change: ValueChanged) -> None:
        if change.key.startswith(CODE_KEY):
            keep(self._opened.folder, self._versions[change.new])
        self._writer.change(change)

    def _act(self, change: ValueChanged) -> None:
        """Let hooks and optimizer follow a change, or refuse it with nothing changed."""
        if change.key.startswith(CODE_KEY):
            name = change.key.removeprefix(CODE_KEY)
            self._use_version(self.version(name, change.new))
        elif change.key.startswith("hooks"):
            self._opened.hooks.declare(self._opened.live.after(change).hooks)

    def _use_version(self, file: OwnFile) -> None:
        opened, trainer = self._opened, self._opened.trainer
        training, optimizer = opened.live.config.training, None
        if trainer is not None and training.optimizer.startswith(f"{file.name}:"):
            optimizer = build_optimizer(opened.model, training, sources={**opened.own.sources, file.name: file.text})
            optimizer.load_tensors(trainer.optimizer.tensors())
        opened.hooks.reload(file.name, file.text)
        opened.own.files[file.name] = file
        if trainer is not None and optimizer is not None:
            trainer.optimizer = optimizer

    def _use_values(self) -> None:
        if self._opened.trainer is not None:
            self._opened.trainer.apply_config(self._opened.live.config)

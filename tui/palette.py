"""The command palette's entries, made from the table of bindings."""

from collections.abc import AsyncIterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Provider

from tui.bindings import PLACES, TABLE, Entry, shown_keys


class LabCommands(Provider):
    """Everything of the table that can be done from anywhere, or in the pane in focus."""

    def _entries(self) -> list[Entry]:
        return [entry for entry in TABLE if entry.in_palette]

    def _run(self, entry: Entry) -> None:
        self.app.call_later(partial(self.app.run_entry, entry))  # type: ignore[attr-defined]

    @staticmethod
    def _title(entry: Entry) -> str:
        where = "" if entry.place == "everywhere" else f"{PLACES[entry.place][2:]}: "
        return f"{where}{entry.help}"

    async def discover(self) -> AsyncIterator[DiscoveryHit]:
        """Everything, before anything is typed."""
        for entry in self._entries():
            yield DiscoveryHit(self._title(entry), partial(self._run, entry), help=shown_keys(entry))

    async def search(self, query: str) -> AsyncIterator[Hit]:
        """What resembles the query."""
        matcher = self.matcher(query)
        for entry in self._entries():
            title = self._title(entry)
            score = matcher.match(f"{title} {entry.label}")
            if score > 0:
                yield Hit(
                    score, matcher.highlight(title), partial(self._run, entry), text=title, help=shown_keys(entry)
                )

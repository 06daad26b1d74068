"""The core's sending side: nothing of control is lost, telemetry is merged, and nobody ever waits."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmcore.process.core.outbox import MOST_ROWS, Outbox
from lmcore.protocol.messages import (
    AblationCell,
    Event,
    Heartbeat,
    LayerStatistics,
    LogLine,
    Metrics,
    StateChanged,
    Token,
)


@pytest.fixture
def envelopes() -> "queue.Queue[Any]":
    return queue.Queue()


@pytest.fixture
def outbox(envelopes: "queue.Queue[Any]", tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox(envelopes, 3, str(tmp_path / "log.txt"))
    outbox.start()
    yield outbox
    outbox.forsake()
    outbox.close()


def collect(envelopes: "queue.Queue[Any]", outbox: Outbox) -> tuple[list[Event], int]:
    """Everything that was sent until the outbox was closed, and in how many envelopes."""
    assert outbox.close()
    events: list[Event] = []
    count = 0
    while not envelopes.empty():
        generation, some = envelopes.get()
        assert generation == 3
        events.extend(some)
        count += 1
    return events, count


def test_control_arrives_whole_and_in_order(envelopes: "queue.Queue[Any]", outbox: Outbox) -> None:
    for number in range(1000):
        outbox.send(Token(1, str(number)))
    events, _ = collect(envelopes, outbox)
    assert [e.text for e in events if isinstance(e, Token)] == [str(number) for number in range(1000)]


def test_telemetry_is_merged_and_precedes_the_state_that_follows_it(
    envelopes: "queue.Queue[Any]", outbox: Outbox
) -> None:
    for step in range(500):
        outbox.send(Metrics(((step, step, 0.0, {"loss/train": 1.0}),)))
        outbox.send(LayerStatistics(step, ()))
    outbox.send(StateChanged("finished", step=500))
    events, _ = collect(envelopes, outbox)
    rows = [row for event in events if isinstance(event, Metrics) for row in event.rows]
    assert [row[0] for row in rows] == list(range(500))
    assert len([event for event in events if isinstance(event, Metrics)]) < 10
    kinds = [type(event) for event in events if not isinstance(event, Heartbeat)]
    assert kinds[-1] is StateChanged
    last_layers = [event for event in events if isinstance(event, LayerStatistics)][-1]
    assert last_layers.step == 499


def test_of_a_cell_that_trains_only_the_newest_is_told_and_its_end_is_the_last_word(
    envelopes: "queue.Queue[Any]", outbox: Outbox
) -> None:
    for step in range(200):
        for seed in (1, 2):
            outbox.send(AblationCell("baseline", seed, "running", step, 200))
    outbox.send(AblationCell("baseline", 1, "finished", 200, 200, 1.5))
    events, _ = collect(envelopes, outbox)
    told = [event for event in events if isinstance(event, AblationCell)]
    assert len(told) < 40
    assert [event.state for event in told if event.seed == 1][-1] == "finished"
    assert [event.step for event in told if event.seed == 2][-1] == 199


def test_a_reader_that_sleeps_neither_blocks_the_core_nor_fills_its_memory(tmp_path: Path) -> None:
    small: queue.Queue[Any] = queue.Queue(maxsize=1)
    outbox = Outbox(small, 1, str(tmp_path / "log.txt"))
    outbox.start()
    began = time.monotonic()
    for step in range(100_000):
        outbox.send(Metrics(((step, step, 0.0, {"loss/train": 1.0}),)))
    assert time.monotonic() - began < 60
    outbox.send(Token(1, "still here"))
    waiting = len(outbox._rows)
    assert waiting <= MOST_ROWS
    events: list[Event] = []
    end = time.monotonic() + 60
    while not any(isinstance(event, Token) for event in events) and time.monotonic() < end:
        events.extend(small.get(timeout=60)[1])
    assert any(isinstance(event, Token) for event in events)
    outbox.forsake()
    outbox.close()


def test_closing_says_when_nobody_took_the_rest(tmp_path: Path) -> None:
    full: queue.Queue[Any] = queue.Queue(maxsize=1)
    full.put("nobody reads")
    outbox = Outbox(full, 1, str(tmp_path / "log.txt"))
    outbox.start()
    outbox.send(StateChanged("idle"))
    assert outbox.close(timeout=0.3) is False
    outbox.forsake()


def test_what_is_printed_becomes_log_lines_once(envelopes: "queue.Queue[Any]", outbox: Outbox, tmp_path: Path) -> None:
    with (tmp_path / "log.txt").open("a") as log:
        log.write("first\nsecond [/b] \x1b[2J\nhalf a li")
        log.flush()
        outbox.follow_log(tmp_path / "run-log.txt")
    (tmp_path / "run-log.txt").write_text("third\n")
    events, _ = collect(envelopes, outbox)
    assert [e.text for e in events if isinstance(e, LogLine)] == ["first", "second [/b] \x1b[2J", "third"]


def test_a_heartbeat_tells_step_and_memory(envelopes: "queue.Queue[Any]", outbox: Outbox) -> None:
    outbox.step = 7
    events: list[Event] = []
    while not any(isinstance(event, Heartbeat) for event in events):
        events.extend(envelopes.get(timeout=60)[1])
    beat = next(event for event in events if isinstance(event, Heartbeat))
    assert beat.memory_bytes > 1_000_000

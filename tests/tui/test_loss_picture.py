"""From histories to pictures: what is drawn, and that odd values are safe."""

import math
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.runs.journal import append_change
from lmcore.protocol.messages import ValueChanged
from tui.lab.history import History
from tui.panes.loss.marks import mark_name
from tui.panes.loss.picture import Choice, OtherRun, make_picture, reading_at
from tui.panes.loss.records import read_past_changes
from tui.panes.loss.view import View
from tui.widgets.metric_list import matching_names


def run_of(losses: list[float], validation: dict[int, float] | None = None) -> History:
    history = History()
    history.append((step, step * 10, step * 0.5, {"loss/train": loss}) for step, loss in enumerate(losses, 1))
    for step, loss in (validation or {}).items():
        history.put(step, {"loss/val": loss})
    return history


def test_nothing_to_draw_is_no_picture() -> None:
    assert make_picture(History(), [], Choice(), 80) is None


def test_losses_floor_marks_and_other_runs() -> None:
    history = run_of([4.0, 3.0, 2.0, 1.0], {4: 1.2})
    other = OtherRun("a", "other", run_of([5.0, 4.0]), "other-0")
    changes = [ValueChanged(2, "training.learning_rate", "1e-3", "3e-3")]
    picture = make_picture(history, [other], Choice(), 80, changes, 0.3)
    assert picture is not None
    assert [curve.style for curve in picture.curves] == ["other-0", "raw", "smoothed"]
    assert picture.points is not None and picture.points.points == [(4, 1.2)]
    assert picture.levels == ((0.3, "floor"),) and picture.marks == ((2, "learning_rate 3e-3"),)
    low, high = picture.y_range
    assert low < 0.3 and high > 5.0 and picture.x_range == (0, 4)


def test_another_metric_has_no_floor_and_no_validation() -> None:
    history = run_of([1.0, 2.0], {2: 1.0})
    picture = make_picture(history, [], Choice(metric="loss/train"), 80, (), 0.3)
    assert picture is not None and not picture.levels and picture.points is None


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60),
    st.booleans(),
    st.sampled_from(["step", "tokens", "time"]),
)
def test_any_values_on_any_axis_are_safe(losses: list[float], log_y: bool, axis: str) -> None:
    history = run_of(losses)
    choice = Choice(log_y=log_y, axis=axis)  # type: ignore[arg-type]
    picture = make_picture(history, [], choice, 40)
    assert picture is not None
    assert len(picture.gaps) == sum(not math.isfinite(loss) for loss in losses)
    assert all(math.isfinite(y) for curve in picture.curves for _, y in curve.points)
    low, high = picture.y_range
    assert low < high and (low > 0 or not picture.log_y)
    assert reading_at(history, [], choice, picture.x_range[1])


def test_the_cursor_reads_the_nearest_point() -> None:
    history = run_of([4.0, 3.0, 2.0], {2: 2.5})
    read = dict(reading_at(history, [], Choice(), 2.9, [ValueChanged(3, "a.b", "1", "2")]))
    assert read["step"] == "3" and read["train"] == "2.00" and read["validation"] == "2.50 at 2"
    assert read["changed"] == "b 2"
    assert dict(reading_at(history, [], Choice(axis="time"), 1.0))["time"] == "0:01"


def test_a_picture_costs_the_same_however_long_the_run_is() -> None:
    def cost(steps: int) -> float:
        history = run_of([1.0 + (i % 7) for i in range(steps)])
        history.smoothed("loss/train", 0.95)
        times = []
        for _ in range(5):
            began = time.thread_time()
            make_picture(history, [], Choice(), 100)
            times.append(time.thread_time() - began)
        return min(times)

    assert cost(200_000) < 4 * cost(5_000) + 0.002


def test_a_zoomed_picture_shows_its_window_only() -> None:
    history = run_of([float(i) for i in range(1, 101)])
    picture = make_picture(history, [], Choice(view=View(20, 50), log_y=False), 40)
    assert picture is not None and picture.x_range == (30, 50)
    assert all(30 <= x <= 50.001 for curve in picture.curves for x, _ in curve.points)


def test_names_of_changes_are_short_and_plain() -> None:
    assert mark_name(ValueChanged(1, "hooks.ablate.enabled", "false", "true")) == "hook ablate on"
    assert mark_name(ValueChanged(1, "a.b", "1", "\x1b[2J")) == "b ␛[2J"
    assert mark_name(ValueChanged(1, "hooks.a.b.enabled", "true", "false")) == "hook a.b off"
    assert mark_name(ValueChanged(1, "hooks.ablate.with", "{}", "{heads: [2]}")) == "hook ablate with {heads: [2]}"
    assert mark_name(ValueChanged(1, "code.my_hooks.py", "12", "34")) == "my_hooks.py edited"
    assert len(mark_name(ValueChanged(1, "a.b", "1", "2" * 99))) == 32


def test_a_changed_list_of_hooks_is_told_by_what_became_of_it(tmp_path: Path) -> None:
    one, two = "{name: one, use: zero}", "{name: two, use: zero}"
    told = {
        (f"[{one}]", f"[{one}, {two}]"): "hook two added",
        (f"[{one}, {two}]", f"[{one}]"): "hook two removed",
        (f"[{one}, {two}]", f"[{two}, {one}]"): "hooks reordered",
        (f"[{one}]", "[{name: one, use: mean}]"): "hook one changed",
        ("…", "[1"): "hooks changed",
    }
    for (old, new), text in told.items():
        (tmp_path / "run.json").write_text("{}")
        (tmp_path / "journal.jsonl").unlink(missing_ok=True)
        append_change(tmp_path / "journal.jsonl", ValueChanged(1, "hooks", old, new))
        assert [mark_name(change) for change in read_past_changes(tmp_path)[0]] == [text]


def test_metrics_are_found_by_words_in_any_order() -> None:
    names = ["grad/l2_norm/global", "loss/train", "loss/val"]
    assert matching_names(names, "", "losses")[0] == "" and len(matching_names(names, "", "losses")) == 4
    assert matching_names(names, "NORM grad", "losses") == ["grad/l2_norm/global"]
    assert matching_names(names, "[+(*", "losses") == []

"""The render budget with a clock of its own."""

import pytest

from tui.budget import LONGEST, SHORTEST, RenderBudget


class Machine:
    """A clock and a processor that a test moves on."""

    def __init__(self, share: float = 0.03) -> None:
        self.now = self.spent = 0.0
        self.budget = RenderBudget(share, lambda: self.now, lambda: self.spent)

    def round(self, cost: float) -> None:
        self.now += max(self.budget.interval, 0.0)
        self.spent += cost
        self.budget.drawn()


def test_the_first_drawing_is_due_at_once() -> None:
    assert Machine().budget.seconds_until_due() == 0.0


def test_cheap_drawings_come_as_often_as_allowed() -> None:
    machine = Machine()
    for _ in range(10):
        machine.round(0.001)
    assert machine.budget.interval == SHORTEST


@pytest.mark.parametrize(("cost", "share"), [(0.03, 0.03), (0.06, 0.03), (0.02, 0.01)])
def test_dear_drawings_are_spread_until_they_keep_their_share(cost: float, share: float) -> None:
    machine = Machine(share)
    for _ in range(12):
        machine.round(cost)
    assert machine.budget.interval == pytest.approx(cost / share)
    began, spent = machine.now, machine.spent
    for _ in range(20):
        machine.round(cost)
    assert (machine.spent - spent) / (machine.now - began) <= share * 1.001


def test_however_dear_it_never_waits_longer_than_the_longest() -> None:
    machine = Machine()
    for _ in range(20):
        machine.round(3.0)
    assert machine.budget.interval == LONGEST


def test_one_dear_round_changes_little() -> None:
    machine = Machine()
    for _ in range(6):
        machine.round(0.005)
    machine.round(4.0)
    machine.round(0.005)
    assert machine.budget.interval == SHORTEST


def test_what_a_person_asks_for_is_not_counted() -> None:
    machine = Machine()
    machine.round(0.001)
    for _ in range(10):
        machine.budget.forgive()
        machine.round(1.0)
    assert machine.budget.interval == SHORTEST


def test_time_since_the_last_drawing_counts_towards_the_next() -> None:
    machine = Machine()
    machine.budget.drawn()
    machine.now += 0.1
    assert machine.budget.seconds_until_due() == pytest.approx(SHORTEST - 0.1)
    machine.now += 60
    assert machine.budget.seconds_until_due() == 0.0

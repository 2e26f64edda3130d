"""Both roads of the benchmark for once, with a handful of letters: the operators and Postfix start,
every letter arrives, and all of it ends. No figure of it is looked at.
"""

import pytest

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.benchmarks import end_to_end, receive
from tests.benchmarks.house import LISTENER, running_house
from tests.benchmarks.measure import QUICK, Goal
from tests.benchmarks.postfixes import discarding_postfix, postfix_pair
from tests.peers.worker import processes_of

pytestmark = pytest.mark.peer

GOAL = Goal("ratio", "more", 1.0)


def test_letters_reach_the_listener_as_they_reach_postfix():
    load = receive.Load(10_000, 8, "offered")
    with running_house() as house, discarding_postfix(house.space, HOSPITAL) as postfix:
        house.start(HOSPITAL, LISTENER)
        cell = receive._cell("few", house, postfix, load=load, scale=QUICK, goal=GOAL)
        house.stop(HOSPITAL, LISTENER)
    assert cell.ratio
    assert not house.folder.exists()
    assert not processes_of(house.folder)


def test_letters_go_from_one_operator_into_the_boxes_of_the_other():
    load = end_to_end.Load(10_000, 8, is_waiting=False)
    with running_house() as house, postfix_pair(house.space) as pair:
        house.start(PRACTICE, LISTENER, *house.workers(PRACTICE))
        with house.inside(HOSPITAL) as sender, house.inside(PRACTICE) as receiver:
            road = end_to_end.Road(house, sender, receiver, pair)
            cell = end_to_end._cell(road, "few", load, QUICK, GOAL)
        house.stop(PRACTICE, LISTENER, *house.workers(PRACTICE))
    assert cell.ratio
    assert not house.folder.exists()
    assert not processes_of(house.folder)

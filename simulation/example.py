"""The reference team as an office: what is offered to look at where there is too little history."""

from dataclasses import replace

from simulation import reference
from simulation.office import Case, Desk, Office

LOAD = 0.9


def office(load: float = LOAD, seed: int = 0, days: int = reference.DAYS) -> Office:
    """One queue for each skill, of which everybody is a member: the skill decides."""
    desks = {
        skill.name: Desk(skill.name, first=int(skill.target), following=int(skill.target))
        for skill in reference.SKILLS
    }
    people = [
        replace(
            person,
            name=f"agent-{person.id + 1}" if person.id else "alice",
            queues=frozenset(desks),
            capacity=1,
        )
        for person in reference.team(seed, days)
    ]
    world = reference.world(load, seed, days)
    cases = []
    for number, issue in enumerate(world.issues, 1):
        need, skill = world.kinds[issue.need].need, world.kinds[issue.need].need.skill
        factor = issue.target / desks[skill].first
        cases.append(
            Case(number, skill, need.language, issue.arrived, issue.works, issue.delays, factor, need.skills)
        )
    return Office(people, desks, cases, world.until, reference.WARM_UP)

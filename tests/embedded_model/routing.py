"""Windows that teach labels of topics: tickets and the team each goes to, with team names made up per window."""

import random

from tests.embedded_model.answers import Role, Segment
from tests.embedded_model.episodes import Episode, system_line
from tests.embedded_model.scenes import Settings
from tests.embedded_model.words import ADJECTIVES, NOUNS, TOPICS, made_up_name

_TICKETS = (
    "{a} {b} problem",
    "my {a} is {b}",
    "I need help with {a} and {b}",
    "the {a} {b} again",
    "why is the {a} {b}?",
    "there was a {a} about {b}",
    "please look at the {a}, {b}",
    "hello, {a} {b} {c}",
    "{a} and {b} since monday",
    "can someone check {a} {c}",
    "no {a} after the {b}",
    "{b} {a} not working",
    "we have a {a} question, {b}",
    "{a}",
)
_RULES = ("{words} goes to {team}.", "Tickets about {words} go to {team}.", "{team} handles {words}.")


def _ticket(rng: random.Random, topic: str) -> str:
    first, second, third = rng.sample(TOPICS[topic], 3)
    return rng.choice(_TICKETS).format(a=first, b=second, c=third)


def _team(rng: random.Random, topic: str) -> str:
    pick = rng.random()
    if pick < 0.40:
        return made_up_name(rng)
    if pick < 0.65:
        return rng.choice(NOUNS)
    if pick < 0.75:
        return topic
    group = rng.choice(("team", "group", "queue"))
    return f"{group} {made_up_name(rng) if rng.random() < 0.5 else rng.choice(ADJECTIVES)}"


def routing_episode(rng: random.Random, settings: Settings) -> Episode:
    """Tickets of two to five topics and their teams; loss only on teams already shown for a topic."""
    topics = rng.sample(list(TOPICS), rng.choice((2, 3, 4, 4, 5)))
    teams = {topic: _team(rng, topic) for topic in topics}
    ask, reply = rng.choice(
        (
            *(("Question: ", "Answer:"),) * 6,
            ("Ticket: ", "Answer:"),
            ("Message: ", "Answer:"),
            ("", "Answer:"),
            ("Ticket: ", "Queue:"),
            ("Text: ", "Label:"),
        )
    )
    lead = rng.choice(("", "", "", "Route this ticket: ", "Which team? ", "Ticket: ", "Classify: "))
    order, shown = rng.sample(topics, len(topics)), set[str]()
    segments: list[Segment] = []
    if rng.random() < settings.system:
        segments.append(Segment(system_line(rng), Role.CONTEXT))
    if rng.random() < 0.25:
        for topic in order:
            words = ", ".join(rng.sample(TOPICS[topic], rng.choice((2, 3, 4))))
            rule = rng.choice(_RULES).format(words=words, team=teams[topic])
            segments.append(Segment(f"Context: {rule}\n", Role.CONTEXT))
        order, shown = [], set(topics)
    length = 0
    while length < settings.tokens * 3.8:
        topic = order.pop() if order else rng.choice(topics)
        segments += [
            Segment(f"{ask}{lead}{_ticket(rng, topic)}\n{reply}", Role.CONTEXT),
            Segment(f" {teams[topic]}", Role.VALUE if topic in shown else Role.UNKNOWABLE),
            Segment("\n", Role.LITERAL),
        ]
        length += sum(len(segment.text) for segment in segments[-3:])
        shown.add(topic)
    return Episode(segments, "routing")

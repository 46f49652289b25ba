"""Write the tickets, the training rows and the team notes of this suite. Running it again writes the same bytes.

    python suites/ticket-routing/make_suite.py [FOLDER]

Eight teams have house names that say nothing about their work. Each takes about half the words of one topic and some of
two others, so that neither the name nor the topic gives the team away: only solved tickets or the notes do. Tickets
also name things that decide nothing. Test tickets and training rows are worded by different templates. All is made up.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 20261121
TICKETS = 320
TRAINING_ROWS = 1280
TWO_TOPICS = 0.15  # the first word named decides: a house rule that stands in no note
EITHER = 0.05  # both teams would take it
ONE_WORD = 0.25
NOTED = 0.7  # share of a team's words that its notes name
ARCHIVED_NOTES = 6

TEAMS = ("river", "forest", "stone", "garden", "tower", "magnet", "cotton", "piston")
# One topic a line. Of its words a team takes the first five, the next team two, the next but two the last three.
TOPICS = """
invoice refund discount overpaid receipt    payment price    bill balance fee
tracking parcel warehouse courier customs    delivery shipment    address package delivered
password locked profile verify signin    login username    account register email
router offline vpn bandwidth signal    wifi cable    internet connection latency
screen hinge smoke keyboard charger    battery cracked    broken fan display
update freezes driver bug plugin    install crash    app version program
phishing stolen spam virus breach    malware fraud    attack leaked suspicious
resume payroll holiday interview training    candidate salary    vacation manager employee
"""
SURROUNDINGS = """
kitchen roof floor wall sand water oil gas air steam paper ink toner glass metal rubber plastic wood salt apple tea milk
truck boat cart bag shelf rack cord wire lamp mirror bulb camera speaker microphone mouse scanner laser dust rust crack
dent sheet chart image photo video message calendar group office branch store region country city street building room
desk chair shift order sticker stamp envelope agreement owner supplier partner engineer technician operator red blue
green white black grey yellow orange brown purple silver golden small large big tiny main spare inner outer upper lower
left right front rear top local double single triple daily weekly monthly yearly early smooth rough sharp flat round
square narrow wide deep shallow rusty dusty foggy clock drum valve pump hose pipe tank drawer lid handle wheel belt
gear spring seal motor filter board plug socket lens brush nozzle heater cooler coil relay antenna folder record table
badge quota budget report
"""

TEST_TICKETS = (
    "the {a} and the {b} near the {n} {m} since monday",
    "we have a question about the {a}, also {b}, from the {n} {m}",
    "please look at the {a} because of the {b}, not the {n} or {m}",
    "someone at the {n} has the {a} problem, {b}, not the {m}",
    "no answer today about {a} and {b} in the {n} {m}",
    "behind the {n} {m} we need help with the {a}, {b} again",
    "what should we do about {a} after the {b}? it is the {m} {n}",
    "with the {n} the {a} came back, now {b} too, {m}",
    "who can check the {a} and {b} of the {m} {n}?",
    "new ticket from the {n} {m}: {a}, {b}",
)
TEST_ONE_WORD = (
    "please check the {a} of the {n} {m} today",
    "a new {a} question from the {n} about the {m}",
    "what about the {a} for the {m} {n}?",
    "the {n} and the {m} have the {a} again since yesterday",
    "who can help the {n} with {a} near the {m}?",
)
TRAINING_TICKETS = (
    "{a} {b} problem on the {n} {m}",
    "my {n} {m}: {a} is {b}",
    "I need {a} and {b} for the {m} {n}",
    "{n} {m}, the {a} {b} again",
    "there was a {a} with {b} at the {n}, {m}",
    "can someone see the {n}? {a}, {b}, {m}",
    "we got {a} in {b} this week by the {n} and {m}",
    "is it the {a} or the {b}? {m} {n} here",
    "{a}, {b}, {n}, {m}",
    "from {n}: {a} and {b} over {m}",
)
TRAINING_ONE_WORD = (
    "{n} {m} {a}",
    "{a} please, {n} or {m}",
    "my {n} has {a}, {m}",
    "there is a {a} here, {m} {n}",
    "is the {a} known at {n} or {m}?",
)
NOTES = ("{words} goes to {team}.", "Tickets about {words} go to {team}.", "{team} handles {words}.")


def words_of_teams() -> dict[str, list[str]]:
    """Every word that decides, by team; none belongs to two."""
    teams: dict[str, list[str]] = {team: [] for team in TEAMS}
    for position, line in enumerate(TOPICS.strip().splitlines()):
        words = line.split()
        for shift, part in ((0, words[:5]), (1, words[5:7]), (3, words[7:])):
            teams[TEAMS[(position + shift) % len(TEAMS)]] += part
    return teams


@dataclass(frozen=True)
class Ticket:
    """Its text, the word that decides, the accepted teams (the house's own first), and how it is worded."""

    text: str
    word: str
    teams: list[str]
    wording: str


class Desk:
    """Draws tickets that are all different."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.words = words_of_teams()
        self.surroundings = SURROUNDINGS.split()
        self.seen: set[str] = set()

    def tickets(self, count: int, several: Iterable[str], one_word: Iterable[str]) -> Iterator[Ticket]:
        """Each team gets the same number."""
        several, one_word = list(several), list(one_word)
        teams = list(self.words)
        while count:
            team = teams[count % len(teams)]
            ticket = self.draw(team, several, one_word)
            if ticket.text not in self.seen:
                self.seen.add(ticket.text)
                count -= 1
                yield ticket

    def draw(self, team: str, several: list[str], one_word: list[str]) -> Ticket:
        """One ticket of a team."""
        first, second = self.rng.sample(self.words[team], 2)
        around = dict(zip("nm", self.rng.sample(self.surroundings, 2), strict=True))
        draw = self.rng.random()
        if draw < ONE_WORD:
            return Ticket(self.rng.choice(one_word).format(a=first, **around), first, [team], "one word")
        accepted, wording = [team], "plain"
        if draw < ONE_WORD + TWO_TOPICS + EITHER:
            other = self.rng.choice([name for name in self.words if name != team])
            second, wording = self.rng.choice(self.words[other]), "two topics"
            if draw >= ONE_WORD + TWO_TOPICS:
                accepted, wording = [team, other], "either"
        return Ticket(self.rng.choice(several).format(a=first, b=second, **around), first, accepted, wording)


def notes(rng: random.Random) -> list[dict[str, str]]:
    """What the teams wrote down: most of their words, two or three a note, and some that no longer hold."""
    teams = words_of_teams()
    rows = []
    for team, words in teams.items():
        noted = rng.sample(words, round(NOTED * len(words)))
        for number, start in enumerate(range(0, len(noted), 3), start=1):
            listed = ", ".join(noted[start : start + 3])
            rows.append({"id": f"{team}-{number}", "text": rng.choice(NOTES).format(words=listed, team=team)})
    for number in range(1, ARCHIVED_NOTES + 1):
        team, other = rng.sample(list(teams), 2)
        word = rng.choice(teams[other])
        rows.append({"id": f"old-{number}", "text": f"Until may {word} goes to {team}."})
    rng.shuffle(rows)
    return rows


def notes_about(word: str, written: list[dict[str, str]]) -> list[str]:
    """Ids of the notes in force that name a word; often none does."""
    return [
        row["id"]
        for row in written
        if not row["id"].startswith("old") and word in row["text"].replace(",", " ").split()
    ]


def write_rows(path: Path, rows: Iterable[dict[str, object]]) -> None:
    path.write_bytes("".join(json.dumps(row) + "\n" for row in rows).encode("utf-8"))


def make(folder: Path) -> None:
    """Write the three files under ``folder``."""
    rng = random.Random(SEED)
    desk = Desk(rng)
    tickets = list(desk.tickets(TICKETS, TEST_TICKETS, TEST_ONE_WORD))
    taught = list(desk.tickets(TRAINING_ROWS, TRAINING_TICKETS, TRAINING_ONE_WORD))
    written = notes(rng)
    rng.shuffle(tickets)
    rng.shuffle(taught)
    # The fixed demonstrations are the first rows: one plain ticket of each team.
    first = {ticket.teams[0]: ticket for ticket in reversed(taught) if ticket.wording == "plain"}
    taught = [*first.values(), *(ticket for ticket in taught if ticket not in first.values())]
    (folder / "notes").mkdir(parents=True, exist_ok=True)
    write_rows(folder / "notes" / "notes.jsonl", written)
    write_rows(
        folder / "cases.jsonl",
        (
            {
                "id": f"t{number:03d}",
                "ticket": ticket.text,
                "team": ticket.teams,
                "wording": ticket.wording,
                "docs": notes_about(ticket.word, written),
            }
            for number, ticket in enumerate(tickets, start=1)
        ),
    )
    write_rows(
        folder / "train.jsonl",
        (
            {
                "id": f"r{number:03d}",
                "ticket": ticket.text,
                "team": ticket.teams[0],
                "wording": ticket.wording,
            }
            for number, ticket in enumerate(taught, start=1)
        ),
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

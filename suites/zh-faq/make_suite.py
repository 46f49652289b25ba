"""Write the cases, corpus, training rows, retrieval questions and recorded answers of this suite.

    python suites/zh-faq/make_suite.py [FOLDER]

Running it again writes the same bytes. The library, its rules and every answer are made up: `entries.txt` holds the
rules and the questions, written by hand; the recorded answers are drawn here, with the mistakes that such arms make.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 20261120
HERE = Path(__file__).parent
BRANCHES = ("東湖", "西屯", "南埔", "北坑", "溪口", "大坪")
REASONS = ("空調更新", "消防檢修", "書庫搬遷", "系統轉換", "地板整修")
ANSWERED_BY = {
    "few_shot": "maple-chat-2026-09-30",
    "rag": "maple-chat-2026-09-30",
    "fine_tuned": "maple-chat-tuned-2026-10-12",
}
"""What each answer's provider would say that it came from."""
CLOSED_NOTICES = 28  # they name a topic and answer nothing
REPEALED_NOTES = 20

TRAINING_QUESTIONS = (
    "請問{t}的規定是什麼？",
    "我想了解{t}，請說明。",
    "關於{t}，應該怎麼做？",
    "{t}要注意哪些事情？",
)


@dataclass(frozen=True)
class Entry:
    """One rule. ``asked`` and ``answer`` are empty where it only serves to choose how to search."""

    chapter: str
    number: int
    topic: str
    rule: str
    answer: str
    asked: tuple[str, ...]
    searched: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.chapter}-{self.number}"

    @property
    def source(self) -> str:
        return f"{self.chapter}篇第{self.number}條"

    @property
    def reference(self) -> str:
        return f"答：{self.answer}。依據：{self.source}。"

    @property
    def passage(self) -> dict[str, object]:
        return {"id": self.id, "text": f"{self.source}　{self.rule}"}


def read_entries(path: Path) -> list[Entry]:
    """The rules, numbered within each chapter in the order of the file."""
    entries, chapter, number = [], "", 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            chapter, number = line[3:].strip(), 0
        elif line[:2] in ("+ ", "- "):
            number += 1
            parts = [part.strip() for part in line[2:].split(" | ")]
            if line[0] == "+":
                topic, rule, answer, first, second, *searched = parts
                entries.append(Entry(chapter, number, topic, rule, answer, (first, second), tuple(searched)))
            else:
                topic, rule, *searched = parts
                entries.append(Entry(chapter, number, topic, rule, "", (), tuple(searched)))
    return entries


def corpus(entries: list[Entry], rng: random.Random) -> list[dict[str, object]]:
    """Every rule, and notices that name a rule's topic without its answer."""
    rows = [entry.passage for entry in entries]
    for number, entry in enumerate(rng.sample(entries, CLOSED_NOTICES), start=1):
        branch, reason = rng.choice(BRANCHES), rng.choice(REASONS)
        month, day = rng.randint(1, 12), rng.randint(1, 28)
        text = f"公告　{branch}分館因{reason}，自{month}月{day}日起暫停{entry.topic}服務，恢復時間另行通知。"
        rows.append({"id": f"公告-{number}", "text": text})
    for number, entry in enumerate(rng.sample(entries, REPEALED_NOTES), start=1):
        text = f"沿革　有關{entry.topic}之舊規定已停止適用，請讀者依現行條文辦理。"
        rows.append({"id": f"沿革-{number}", "text": text})
    rng.shuffle(rows)
    return rows


class Recorder:
    """Draws the answers of one arm. Every draw is in a fixed order, so an arm's file depends on the seed alone."""

    def __init__(self, entries: list[Entry], arm: str) -> None:
        self.rng = random.Random(f"{SEED}/{arm}")
        self.asked = [entry for entry in entries if entry.asked]
        self.entries = entries
        # BM25 finds the rule for two cases in three, see README.md; each rule has two cases.
        found = self.rng.sample(range(2 * len(self.asked)), round(2 * len(self.asked) * 2 / 3))
        self.found = iter([position in set(found) for position in range(2 * len(self.asked))])

    def neighbour(self, entry: Entry) -> Entry:
        """Another rule of the same chapter that has an answer."""
        return self.rng.choice([one for one in self.asked if one.chapter == entry.chapter and one != entry])

    def few_shot(self, entry: Entry) -> dict[str, object]:
        """Knows the format from its examples and the rules hardly at all."""
        draw = self.rng.random()
        if draw < 0.12:
            output = entry.reference
        elif draw < 0.24:
            output = "抱歉，我不清楚這項規定，請洽服務台。"
        elif draw < 0.32:
            output = f"{self.neighbour(entry).answer}。"
        else:
            wrong = self.neighbour(entry)
            output = f"答：{wrong.answer}。依據：{wrong.source}。"
        used = {"input": self.rng.randint(34, 62), "cache_read": 512, "output": self.rng.randint(22, 41)}
        return {"output": output, "usage": used, **self.seconds(0.55, 1.25)}

    def rag(self, entry: Entry) -> dict[str, object]:
        """Reads three passages; sometimes the right one is not among them, or is read past."""
        found = next(self.found)
        others = [one for one in self.entries if one.chapter == entry.chapter and one != entry]
        shown = self.rng.sample(others, 3)
        if found:
            shown[self.rng.choice((0, 0, 0, 1, 2))] = entry
        scores = sorted((round(self.rng.uniform(2.0, 11.0), 2) for _ in shown), reverse=True)
        passages = [{"id": one.id, "score": score} for one, score in zip(shown, scores, strict=True)]
        draw = self.rng.random()
        readable = [one for one in shown if one.answer and one != entry]
        if found and draw < 0.82:
            output = entry.reference
        elif found and draw < 0.91:
            output = f"根據館方規定，{entry.answer}（{entry.source}）。"
        elif readable and draw < 0.95:
            output = readable[0].reference
        else:
            output = "提供的資料中沒有相關規定。"
        used = {"input": self.rng.randint(288, 402), "cache_read": 64, "output": self.rng.randint(24, 44)}
        return {"output": output, "usage": used, "passages": passages, **self.seconds(0.70, 1.60)}

    def fine_tuned(self, entry: Entry) -> dict[str, object]:
        """Writes the format without fail; where it is wrong, it is wrong with assurance."""
        draw = self.rng.random()
        if draw < 0.84:
            output = entry.reference
        elif draw < 0.93:
            output = f"答：{self.neighbour(entry).answer}。依據：{entry.source}。"
        else:
            output = self.neighbour(entry).reference
        used = {"input": self.rng.randint(28, 55), "output": self.rng.randint(22, 40)}
        return {"output": output, "usage": used, **self.seconds(0.30, 0.75)}

    def seconds(self, low: float, high: float) -> dict[str, float]:
        """Time to the first and to the last token; one answer in twenty is slow."""
        slow = 2.5 if self.rng.random() < 0.05 else 1.0
        service = round(self.rng.uniform(low, high) * slow, 3)
        return {"service_s": service, "ttft_s": round(service * self.rng.uniform(0.3, 0.5), 3)}


def recorded(entries: list[Entry], arm: str, missing: int, failed: int) -> Iterator[dict[str, object]]:
    """The rows of one arm: some cases have none, one may have an error."""
    recorder = Recorder(entries, arm)
    answer = getattr(recorder, arm)
    rows = [
        {"case_id": f"{entry.id}-{number}", **answer(entry), "answering_model": ANSWERED_BY[arm]}
        for entry in recorder.asked
        for number in range(1, len(entry.asked) + 1)
    ]
    dropped = set(recorder.rng.sample(range(len(rows)), missing + failed))
    for position, row in enumerate(rows):
        if position not in dropped:
            yield row
        elif position in sorted(dropped)[:failed]:
            yield {"case_id": row["case_id"], "error": "HTTP 503 after 5 attempts"}


def write_rows(path: Path, rows: Iterable[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8"))


def make(folder: Path) -> None:
    """Write all files under ``folder``."""
    entries = read_entries(HERE / "entries.txt")
    asked = [entry for entry in entries if entry.asked]
    rng = random.Random(SEED)
    write_rows(folder / "corpus" / "passages.jsonl", corpus(entries, rng))
    write_rows(
        folder / "cases.jsonl",
        (
            {
                "id": f"{entry.id}-{number}",
                "question": question,
                "answer": entry.reference,
                "topic": entry.chapter,
                "rule": entry.id,
                "docs": [entry.id],
            }
            for entry in asked
            for number, question in enumerate(entry.asked, start=1)
        ),
    )
    training = [
        {
            "id": f"{entry.id}-train-{number}",
            "question": text.format(t=entry.topic),
            "answer": entry.reference,
            "topic": entry.chapter,
            "rule": entry.id,
        }
        for entry in asked
        for number, text in enumerate(TRAINING_QUESTIONS, start=1)
    ]
    rng.shuffle(training)
    write_rows(folder / "train.jsonl", training)
    for name, chosen in (("choosing", [e for e in entries if not e.asked]), ("held-out", asked)):
        write_rows(
            folder / "retrieval" / f"{name}.jsonl",
            ({"question": text, "docs": [entry.id]} for entry in chosen for text in entry.searched),
        )
    for arm, missing, failed in (("few_shot", 1, 0), ("rag", 2, 0), ("fine_tuned", 0, 1)):
        write_rows(folder / "answers" / f"{arm}.jsonl", recorded(entries, arm, missing, failed))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""The task set: what is a case, what is refused, and how little memory it takes."""

import json
import tracemalloc

import pyarrow
import pytest
from pyarrow import parquet

from evalkit.data.cases import read_cases
from evalkit.errors import DataError, SuiteError
from evalkit.records.case import Message
from evalkit.suite.load import build_suite
from evalkit.suite.source import parse_yaml

SUITE = """
name: small
cases: {cases}
models: {{base: {{type: embedded}}}}
arms: {{zero: {{model: base}}}}
metrics: [exact_match]
"""


def suite(folder, rows=None, *, cases="{path: cases.jsonl}"):
    if rows is not None:
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (folder / "cases.jsonl").write_text(text, encoding="utf-8")
    return build_suite(parse_yaml(SUITE.format(cases=cases), file="suite.yaml", folder=folder))


def only(folder, row, **options):
    with read_cases(suite(folder, [row], **options)) as cases:
        return next(iter(cases))


def refusal(folder, rows, **options):
    with pytest.raises(DataError) as caught:
        read_cases(suite(folder, rows, **options))
    return str(caught.value)


def test_columns_go_by_the_names_that_users_know(tmp_path):
    """Every other column is kept for the prompt, and so are the question's, the tags' and the cluster's own."""
    row = {
        **{"doc_id": 7, "Question": "何時？", "ideal": ["三點", 3], "group": "g", "tag": "time"},
        **{"reference_context_ids": ["p1", 2], "context": "…", "prompt": "unused"},
    }
    case = only(tmp_path, row)
    assert (case.id, case.input, case.reference, case.cluster) == ("7", "何時？", ("三點", "3"), "g")
    assert (case.tags, case.gold_passages) == (("time",), ("p1", "2"))
    others = {"context": "…", "prompt": "unused"}
    assert case.fields == {"Question": "何時？", "group": "g", "tag": "time", **others}


def test_a_declared_column_wins_over_the_usual_names(tmp_path):
    """Also where both are there; several columns may make the tags and the accepted answers."""
    fields = "{path: cases.jsonl, fields: {input: q, reference: [a1, a2], tags: [topic, kind]}}"
    row = {
        "q": "mine",
        "input": "other",
        "a1": "x",
        "a2": None,
        "answer": "no",
        "topic": "vpn",
        "kind": ["k"],
    }
    case = only(tmp_path, row, cases=fields)
    assert (case.input, case.reference, case.tags) == ("mine", ("x",), ("vpn", "k"))
    own = {"q": "mine", "topic": "vpn", "kind": ["k"]}
    assert case.fields == {"input": "other", "a2": None, "answer": "no", **own}


def test_a_declared_column_that_no_row_has_is_named_with_the_nearest(tmp_path):
    """With the line of the suite that declares it."""
    fields = "{path: cases.jsonl, fields: {input: qestion}}"
    message = refusal(tmp_path, [{"question": "a"}, {"question": "b"}], cases=fields)
    assert message.startswith(
        "suite.yaml:3: cases.fields.input: no row of cases.jsonl has a column 'qestion'"
    )
    assert "Did you mean 'question'?" in message


def test_a_field_that_takes_one_column_refuses_two(tmp_path):
    """Joining them is not guessed."""
    with pytest.raises(SuiteError, match="takes one column, not 2"):
        read_cases(suite(tmp_path, [{"a": 1}], cases="{path: cases.jsonl, fields: {input: [a, b]}}"))


def test_a_conversation_gives_its_last_user_message_as_the_question(tmp_path):
    """In OpenAI's form, as messages or as the input; an assistant's last message is the reference."""
    talk = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "密碼？"}]},
    ]
    earlier = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Hi"),
        Message(role="assistant", content="Hello"),
    )
    for row in ({"messages": talk, "answer": "重設"}, {"input": talk, "ideal": "重設"}):
        case = only(tmp_path, row)
        assert (case.input, case.messages, case.reference) == ("密碼？", earlier, ("重設",))
    solved = [*talk, {"role": "assistant", "content": "重設"}]
    assert only(tmp_path, {"messages": solved}).reference == ("重設",)
    beside = only(tmp_path, {"input": "密碼？", "messages": talk})
    assert (beside.input, beside.messages) == ("密碼？", earlier)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"reference": "x"}, "has no input"),
        ({"input": "  "}, "has no input"),
        ({"input": None}, "has no input"),
        ({"messages": []}, "has no input"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "no user message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role 'tool'"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "not text"),
        ({"messages": "hello"}, "must be a list"),
    ],
)
def test_a_row_without_a_question_is_refused_by_its_line(tmp_path, row, said):
    """Before any model runs."""
    message = refusal(tmp_path, [{"input": "fine"}, row])
    assert "cases.jsonl:2: " in message
    assert said in message


def test_ids_must_differ_and_both_lines_are_named(tmp_path):
    """1 and "1" are one id."""
    message = refusal(tmp_path, [{"id": 1, "input": "a"}, {"id": 2, "input": "b"}, {"id": "1", "input": "c"}])
    assert "cases.jsonl:3: id '1' is also the id of line 1" in message


def test_an_empty_or_missing_file_is_refused(tmp_path):
    """With the file, or the line of the suite that names it."""
    assert "cases.jsonl: holds no case" in refusal(tmp_path, [])
    (tmp_path / "cases.jsonl").unlink()
    assert "suite.yaml:3: cases.path: no such file" in refusal(tmp_path, None)


def test_a_case_without_an_id_keeps_its_id_when_rows_move(tmp_path):
    """The id comes from the content; equal rows are told apart."""
    rows = [{"input": "a"}, {"input": "b", "tags": ["t"]}, {"input": "a"}]
    before = {case.input: case.id for case in read_cases(suite(tmp_path, rows))}
    after = {case.input: case.id for case in read_cases(suite(tmp_path, [{"input": "new"}, *rows[1:]]))}
    assert after["b"] == before["b"]
    with read_cases(suite(tmp_path, rows)) as cases:
        assert len(set(cases.ids)) == 3
        assert all(case.cluster == case.id for case in cases)


def test_cases_are_found_by_id_in_any_order(tmp_path):
    """Iterating, looking up, counting and taking the first few agree."""
    with read_cases(suite(tmp_path, [{"id": str(n), "input": f"問 {n}"} for n in range(5)])) as cases:
        assert len(cases) == 5
        assert list(cases.ids) == ["0", "1", "2", "3", "4"]
        assert [cases.get(case_id).input for case_id in ("4", "0")] == ["問 4", "問 0"]
        assert "3" in cases
        assert "5" not in cases
        few = cases.first(2)
        assert [case.id for case in few] == ["0", "1"]
        assert few.digest != cases.digest
        with pytest.raises(KeyError):
            few.get("4")


def test_the_same_cases_have_one_digest_in_every_format(tmp_path):
    """JSONL is read in place; CSV and Parquet through a temporary copy."""
    rows = [
        {"id": "甲", "input": "長い\n質問", "reference": "é"},
        {"id": "b", "input": 'a,"b"', "reference": "2"},
    ]
    with read_cases(suite(tmp_path, rows)) as cases:
        expected = cases.digest
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "cases.parquet")
    (tmp_path / "cases.csv").write_text(
        'id,input,reference\n甲,"長い\n質問",é\nb,"a,""b""",2\n', encoding="utf-8"
    )
    for name in ("cases.parquet", "cases.csv"):
        with read_cases(suite(tmp_path, cases=f"{{path: {name}}}")) as cases:
            assert cases.digest == expected
            assert cases.get("甲").reference == ("é",)


def test_a_table_may_hold_lists_and_messages_as_json(tmp_path):
    """Text that only looks like a list stays text where text is expected."""
    (tmp_path / "cases.csv").write_text(
        'input,answer,tags,docs\n"[1]","[2]","[""a"", ""b""]","[""p1""]"\n', encoding="utf-8"
    )
    case = next(iter(read_cases(suite(tmp_path, cases="cases.csv"))))
    assert (case.input, case.reference) == ("[1]", ("[2]",))
    assert (case.tags, case.gold_passages) == (("a", "b"), ("p1",))


def test_a_blank_reference_is_no_reference(tmp_path):
    """Null, blank text, an empty list and NaN of a table."""
    rows = [{"input": str(n), "reference": value} for n, value in enumerate([None, " ", []])]
    assert all(case.reference == () for case in read_cases(suite(tmp_path, rows)))
    table = pyarrow.table({"input": ["a"], "reference": [float("nan")]})
    parquet.write_table(table, tmp_path / "cases.parquet")
    assert next(iter(read_cases(suite(tmp_path, cases="cases.parquet")))).reference == ()


def test_a_file_changed_in_place_during_the_run_is_noticed(tmp_path):
    """Offsets into it would give wrong rows; a file that is replaced stays readable as it was."""
    made = suite(tmp_path, [{"id": "a", "input": "old"}])
    with read_cases(made) as cases:
        (tmp_path / "new.jsonl").write_text('{"id": "b", "input": "new"}')
        (tmp_path / "new.jsonl").rename(tmp_path / "cases.jsonl")
        assert cases.get("a").input == "old"
    with read_cases(made) as cases, (tmp_path / "cases.jsonl").open("a") as stream:
        stream.write("\n\n")
        stream.flush()
        with pytest.raises(DataError, match="was changed during the run"):
            cases.get("b")


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_memory_is_bytes_per_case_not_its_text(tmp_path, ending):
    """3,000 cases of 10 kB each are read within 2 MB."""
    long = "x" * 10_000
    with (tmp_path / f"cases.{ending}").open("w") as stream:
        stream.write("" if ending == "jsonl" else "id,input\n")
        for number in range(3000):
            row = json.dumps({"id": str(number), "input": long}) if ending == "jsonl" else f"{number},{long}"
            stream.write(row + "\n")
    made = suite(tmp_path, cases=f"cases.{ending}")
    read_cases(made).close()  # imports
    tracemalloc.start()
    with read_cases(made) as cases:
        assert sum(len(case.input) for case in cases) == 30_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_script_tags_and_control_characters_pass_as_text(tmp_path):
    """Cases are untrusted text; escaping is for whoever shows them."""
    text = "<script>alert(1)</script> \u0000\u2028 {{input}}"
    assert only(tmp_path, {"input": text}).input == text


def test_a_declared_column_is_seen_among_thousands_of_others(tmp_path):
    """The columns remembered for messages are limited; the declared ones are always remembered."""
    rows = [{"q": "a", **{f"c{number}": 1 for number in range(1100)}}, {"q": "b", "late": "x"}]
    with read_cases(
        suite(tmp_path, rows, cases="{path: cases.jsonl, fields: {input: q, reference: late}}")
    ) as cases:
        assert [case.reference for case in cases] == [(), ("x",)]

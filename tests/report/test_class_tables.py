"""Class by class: what the report shows of a classification."""

from msgspec.structs import replace

from evalkit.records.comparison import ClassFigures, Confusion
from evalkit.reporting.class_tables import WIDEST_MATRIX, class_tables
from evalkit.reporting.html import render_html
from evalkit.reporting.markdown import render_markdown


def confusion(labels, counts, outside):
    """A matrix with its figures per class worked out."""
    classes = []
    for i, label in enumerate(labels):
        n, named, right = sum(counts[i]) + outside[i], sum(row[i] for row in counts), counts[i][i]
        classes.append(
            ClassFigures(
                label=label,
                n=n,
                named=named,
                right=right,
                precision=right / named if named else None,
                recall=right / n if n else None,
                f1=2 * right / (n + named) if n + named else None,
            )
        )
    return Confusion(
        metric="accuracy",
        labels=tuple(labels),
        counts=tuple(map(tuple, counts)),
        outside=tuple(outside),
        classes=tuple(classes),
    )


def classified(records, *matrices):
    """The run with these matrices for its first candidates, and none for other arms."""
    given = iter(matrices)
    arms = tuple(
        replace(arm, confusion=next(given, None) if arm.role == "candidate" else None)
        for arm in records.comparison.arms
    )
    return replace(records, comparison=replace(records.comparison, arms=arms))


def test_every_class_has_its_row_and_every_arm_its_columns(ticket_routing):
    first = confusion(["Heron", "Otter", "雲雀"], [[8, 1, 0], [2, 5, 0], [0, 0, 0]], [1, 0, 3])
    second = confusion(["Heron", "Otter", "雲雀"], [[10, 0, 0], [0, 7, 0], [0, 0, 3]], [0, 0, 0])
    classes, *matrices = class_tables(classified(ticket_routing, first, second))
    assert [row.cells for row in classes.rows] == [
        ("Heron", "10", "80%", "80%", "80%", "10", "100%", "100%", "100%"),
        ("Otter", "7", "83%", "71%", "77%", "7", "100%", "100%", "100%"),
        ("雲雀", "3", "–", "0%", "0%", "3", "100%", "100%", "100%"),
    ]
    assert "Answers that are no label: few_shot 4." in classes.note
    assert [table.caption for table in matrices] == ["Confusion of few_shot", "Confusion of few_shot_nearest"]
    assert matrices[0].rows[1].cells == ("Otter", "2", "5", "·", "·")
    assert matrices[0].columns[-1].label == "no label"


def test_with_many_classes_only_the_pairs_confused_most_often_are_shown(ticket_routing):
    size = WIDEST_MATRIX + 1
    counts = [[10 if i == j else 0 for j in range(size)] for i in range(size)]
    counts[2][5], counts[5][2] = 4, 7
    outside = [0] * size
    outside[1] = 5
    _, table = class_tables(
        classified(ticket_routing, confusion([f"c{i}" for i in range(size)], counts, outside))
    )
    assert [row.cells for row in table.rows] == [
        ("c5", "c2", "7"),
        ("c1", "no label", "5"),
        ("c2", "c5", "4"),
    ]


def test_a_run_without_classes_shows_nothing_of_them(ticket_routing):
    without = classified(ticket_routing)
    assert class_tables(without) == []
    assert "Class by class" not in render_html(without)
    assert "Classes, arm by arm" not in render_markdown(without)


def test_the_matrices_of_a_run_agree_with_its_scores(ticket_routing, summary_of):
    """The diagonal is what was right: the accuracy of the arm, counted class by class."""
    classes, *matrices = class_tables(ticket_routing)
    candidates = [arm for arm in ticket_routing.comparison.arms if arm.role == "candidate"]
    assert [table.caption for table in matrices] == [f"Confusion of {arm.name}" for arm in candidates]
    assert [row.cells[0] for row in classes.rows] == list(candidates[0].confusion.labels)
    for table, arm in zip(matrices, candidates, strict=True):
        diagonal = [row.cells[1 + place].replace("·", "0") for place, row in enumerate(table.rows)]
        assert sum(map(int, diagonal)) == arm.quality["accuracy"].mean * arm.ok
    assert summary_of("fine_tuned").quality["accuracy"].mean * 320 == 275


def test_the_page_and_the_markdown_show_them_with_labels_made_harmless(ticket_routing):
    """Labels come from the suite, but are text like any other."""
    hostile = confusion(["<b>a</b>", "b|c"], [[3, 1], [0, 2]], [0, 0])
    run = classified(ticket_routing, hostile)
    page, text = render_html(run), render_markdown(run)
    assert "Class by class" in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert "<b>a</b>" not in page
    assert "**Confusion of few\\_shot**" in text or "**Confusion of few_shot**" in text
    assert "b\\|c" in text

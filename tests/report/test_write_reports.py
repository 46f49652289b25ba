"""The report as files, and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from evalkit.errors import RunError
from evalkit.records.record import from_json
from evalkit.records.run import RunRecords
from evalkit.reporting import write
from evalkit.reporting.write import render_document, write_reports

NAMES = ["report.html", "report.md", "report.json"]


@pytest.mark.parametrize("run", ["hostile", "sparse"])
def test_the_same_records_give_the_same_bytes(run, request, html_of, tmp_path):
    """Written twice, into a folder that was not there, with nothing left beside the files."""
    records = request.getfixturevalue(run)
    written = write_reports(records, tmp_path / "new" / "folder")
    first = [path.read_bytes() for path in written]
    assert [path.name for path in written] == NAMES
    assert first[0].decode() == html_of(run)
    assert [path.read_bytes() for path in write_reports(records, tmp_path / "new" / "folder")] == first
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(NAMES)


def test_a_report_that_cannot_be_made_leaves_the_earlier_one(sparse, tmp_path, monkeypatch):
    """All forms are made before the first is written."""
    write_reports(sparse, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in NAMES}

    def broken(_records):
        raise ValueError("no")

    monkeypatch.setattr(write, "render_document", broken)
    with pytest.raises(ValueError, match="no"):
        write_reports(sparse, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in NAMES} == before


def test_a_folder_that_cannot_be_written_is_said(sparse, tmp_path):
    """With the file's name, and without a half-written one."""
    (tmp_path / "report.md").mkdir()
    with pytest.raises(RunError, match=r"report\.md"):
        write_reports(sparse, tmp_path)
    assert not list(tmp_path.glob(".*tmp"))


@pytest.mark.parametrize("run", ["ticket_routing", "hostile", "sparse"])
def test_report_json_gives_the_records_back(run, request):
    """Nothing is rounded, and money is a string."""
    records = request.getfixturevalue(run)
    content = render_document(records)
    assert from_json(content, RunRecords) == records
    parsed = json.loads(content)
    assert next(iter(parsed)) == "schema"
    assert parsed["schema"] == 1


def test_importing_the_report_loads_nothing_heavy():
    """Altair, pandas, jinja2, torch and the chart renderer wait until they are needed."""
    heavy = ["altair", "pandas", "jinja2", "torch", "vl_convert", "rich.table"]
    code = (
        "import sys, evalkit.reporting.write, evalkit.reporting.terminal; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

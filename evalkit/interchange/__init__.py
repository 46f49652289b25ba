"""Runs made from results that were measured elsewhere.

One import, from the command to the report; each line calls what is indented below it::

    cli/imports.py                              evalkit import table SCORES --suite SUITE
      api.import_table                          the same as a call
        pipeline/import_run.py: import_table    the whole path, in this order
          score_table.read_score_table          file -> ImportedScores: arms, metrics, rows, clusters; checked
          suite_from_table.suite_from_table     ImportedScores, suite file -> Suite with all arms of the table
          write_run.write_table_run             ImportedScores, Suite -> run folder with samples and scores
          compare, decide, report               as for a run that evalkit answered itself

A reader for another tool's results is one more file here that gives ``ImportedScores``. Two files elsewhere know that a
run was imported: ``metrics/imported.py`` (a metric of which only the scores are there) and ``pipeline/execute_run.py``
(such a run cannot be scored again).
"""

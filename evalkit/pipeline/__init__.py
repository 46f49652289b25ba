"""From a suite to a report: the spine (read it first), its stages, and what is done with a run afterwards."""

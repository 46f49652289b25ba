"""The checklist, the joint draws, the ladder of verdicts, and what would change them."""

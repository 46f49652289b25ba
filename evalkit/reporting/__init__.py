"""The report as terminal text, Markdown, JSON and one self-contained HTML page."""

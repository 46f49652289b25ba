"""The ten questions of the checklist, the red flags, and the facts they rest on."""

"""The commands. One file each; a command returns an exit code."""

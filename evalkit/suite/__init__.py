"""The suite file: its schema, read with line numbers. Imports no implementation."""

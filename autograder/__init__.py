"""Runs submissions in isolation, looks at what they built, and keeps the score where no student code can reach it."""

RESULT_SCHEMA_VERSION = 2

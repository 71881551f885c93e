"""Similarities of queries with their candidates."""

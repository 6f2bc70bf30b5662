"""Graphs as plain records, and what can be read off them. Needs no framework."""

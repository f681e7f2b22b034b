"""The ways in: each door turns what it gets into facts and asks the one judge."""

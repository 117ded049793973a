"""A workflow as data: the Graph value, reading and writing, validation, order, rewriting and building. No torch."""

"""The words all parts share: units, text form, errors, keys, recipe, task, run, record. No torch."""

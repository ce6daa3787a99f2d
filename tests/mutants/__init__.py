"""Plants faults in a copy of the project, one after another, and tells which of them no test notices."""

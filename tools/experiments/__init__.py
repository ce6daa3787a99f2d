"""The commands of who trains and measures: data sets, trainings, evaluations; one file a command."""

"""The commands of who searches footage: what each takes, what it calls, what it prints; one file a command."""

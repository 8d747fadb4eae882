"""Coverage-guided fuzzing (atheris) of everything that reads bytes from strangers, in a process of its own each."""

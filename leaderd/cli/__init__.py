"""The commands. They parse, call and print; they decide nothing."""

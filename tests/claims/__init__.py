"""The claims against stores that others wrote, and through the chaos that leaders go through."""

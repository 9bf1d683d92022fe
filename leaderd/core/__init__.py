"""The rules: who leads, and when to ask. No input or output, no clock, no asyncio, no chance: all that is passed in."""

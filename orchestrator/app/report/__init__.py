"""The report on a plan: what was done, how long it took and what proves it, computed and never typed.

``history`` reads what Git says, ``figures`` makes the data of it, ``rendering`` makes Markdown and HTML of the data.
"""

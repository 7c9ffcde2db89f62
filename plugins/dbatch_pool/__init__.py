"""The pool of 4,620: fourteen templates of trading systems, 330 sets of parameters each, as one strategy over bars.

A plugin like any other: found through its entry point, built from dbatch's public names alone. A system is a number;
what it stands for is worked out where it runs, so that a batch of all of them is a few lines.
"""

"""Market makers on ticks: they join the best bid and ask, wait in the queue and go home flat.

A plugin like any other: found through its entry points, built from dbatch's public names alone. The rules are
those of a published engine, odd corners included, so that its published fills come out bit for bit.
"""

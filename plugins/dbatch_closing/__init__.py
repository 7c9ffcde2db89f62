"""Closing auctions: entries away from the VWAP before the close, exits at it on the days after.

A plugin like any other: found through its entry points, built from dbatch's public names alone. The rules are
those of a published engine, odd corners included, so that its published fills come out bit for bit.
"""

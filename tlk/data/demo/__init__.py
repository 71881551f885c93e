"""The embedded competition, drawn by the tool itself; one file an idea: layout, pairs, faces, creatures, things …"""

from tlk.data.demo.layout import draw_competition

__all__ = ["draw_competition"]

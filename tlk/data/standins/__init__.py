"""Stand-ins for two art collections, drawn by the tool itself: in the real tables' schema, with their traps planted."""

from tlk.data.standins.nga import draw_nga
from tlk.data.standins.painters import draw_painters

__all__ = ["draw_nga", "draw_painters"]

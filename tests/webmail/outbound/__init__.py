"""The outgoing road, room by room."""

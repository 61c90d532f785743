"""The sidebar, and the order that people bring into their conversations: folders, tags, pins, archive, undo."""

"""The command palette's list of chats. What the keys do is in static/js/shortcuts.js."""

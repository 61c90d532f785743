"""Asking an earlier question anew, in other words: the edited one stands beside the old one, which stays as it was."""

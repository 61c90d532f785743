"""Where a person is signed in: the list with its ends, and sockets that last no longer than their session."""

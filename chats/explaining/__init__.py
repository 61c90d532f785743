"""Why an answer says what it says: what was retrieved for it, used and cut, for the person who asked."""

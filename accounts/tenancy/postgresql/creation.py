from typing import Any

import psycopg
from django.db import connections
from django.db.backends.postgresql import creation

OWNER = "owner"


class DatabaseCreation(creation.DatabaseCreation):
    """The tests' database is made and migrated by the role that owns the tables, and used by the one that does not."""

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        if self.connection.alias == OWNER:
            return super().create_test_db(*args, **kwargs)
        name = connections[OWNER].creation.create_test_db(*args, **kwargs)
        self.connection.close()
        self.connection.settings_dict["NAME"] = name
        return name

    def destroy_test_db(self, old_database_name: str | None = None, *args: Any, **kwargs: Any) -> None:
        if self.connection.alias == OWNER:
            super().destroy_test_db(old_database_name, *args, **kwargs)
            return
        self._end_sessions()
        self.connection.close()
        self.connection.close_pool()
        connections[OWNER].creation.destroy_test_db(old_database_name, *args, **kwargs)

    def _end_sessions(self) -> None:
        """Threads that never ended keep theirs, and a database in use cannot be dropped."""
        parameters = {**self.connection.get_connection_params()}
        parameters.pop("pool", None)
        with psycopg.connect(**parameters, autocommit=True) as own:
            own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )

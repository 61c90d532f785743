from collections.abc import Iterable

import psycopg
from django.db import connections
from django.db.backends.postgresql import operations

from accounts.tenancy.postgresql.creation import OWNER


class DatabaseOperations(operations.DatabaseOperations):
    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        """Emptying whole tables, as `manage.py flush` and tests do, is the right of the role that owns them."""
        owner = connections[OWNER]
        parameters = {**owner.get_connection_params(), "dbname": self.connection.settings_dict["NAME"]}
        parameters.pop("pool", None)
        with psycopg.connect(**parameters, autocommit=False) as connection:
            for sql in sql_list:
                connection.execute(sql.encode())

#!/usr/bin/env python
import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    from chatsite import processes

    # Every part is begun here, or below one that is.
    processes.leave_no_cores()
    command, arguments = sys.argv[1:2], sys.argv[2:]
    # These two run outside Django: the supervisor to stay small, a part because it becomes another program.
    if command == ["up"]:
        from chatsite import up

        return up.main(arguments)
    if command == ["start"]:
        from chatsite import up

        return up.become(arguments)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())

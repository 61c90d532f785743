# Shared by ./run, ./test and .ci/run (sourced, POSIX sh): the virtual environment in .venv. Needs $root.

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

find_python() {
    for candidate in python3.11 python3.12 python3.13 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "Chatsite needs Python 3.11 or newer, and none was found. Install it, for example: sudo apt install python3 python3-venv"
}

# install_requirements FILE: only when FILE changed since it was last installed here.
install_requirements() {
    environment="$root/.venv"
    stamp="$environment/installed-$1"
    if ! "$environment/bin/python" -c '' >/dev/null 2>&1; then
        python=$(find_python)
        "$python" -c 'import ensurepip' >/dev/null 2>&1 ||
            fail "This Python cannot make virtual environments. Install what is missing: sudo apt install python3-venv"
        printf 'Making a virtual environment in .venv.\n'
        rm -rf "$environment"
        "$python" -m venv "$environment" || fail "The virtual environment could not be made in $environment."
    fi
    if ! cmp -s "$root/$1" "$stamp"; then
        printf 'Installing what Chatsite needs; this takes a few minutes the first time.\n'
        # Every version is pinned in the file, so there is nothing to resolve.
        "$environment/bin/python" -m pip install --quiet --no-deps --disable-pip-version-check \
            --no-input --requirement "$root/$1" ||
            fail "The requirements could not be installed. Is there a connection to a package index?"
        cp "$root/$1" "$stamp"
    fi
}

#!/bin/sh
# Runs once, in an empty database. One role owns the tables and is used to migrate; the other, which the product works
# as, owns nothing, so that it is bound by the policies of row-level security and cannot change them.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set password="$CHATSITE_PASSWORD" \
    --set owner_password="$CHATSITE_OWNER_PASSWORD" <<'SQL'
CREATE ROLE chatsite_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE chatsite LOGIN PASSWORD :'password';
CREATE DATABASE chatsite OWNER chatsite_owner;
\connect chatsite
CREATE EXTENSION vector;
SQL

#!/bin/sh
# Runs once, in an empty database: the product's own role owns its database and is no superuser.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set password="$CHATSITE_PASSWORD" <<'SQL'
CREATE ROLE chatsite LOGIN PASSWORD :'password';
CREATE DATABASE chatsite OWNER chatsite;
\connect chatsite
CREATE EXTENSION vector;
SQL

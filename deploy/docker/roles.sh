#!/bin/sh
# In the container of PostgreSQL, once, when its database is made: the two roles, with their passwords.
set -eu
psql --username=postgres --dbname=shop --variable=watched=orders --variable=read=users \
    --file=/usr/local/share/orderbell/roles.sql
# From the environment and over standard input: an argument would be seen in the list of processes.
psql --username=postgres --dbname=shop <<'END'
\getenv owner ORDERBELL_OWNER_PASSWORD
\getenv daemon ORDERBELL_PASSWORD
ALTER ROLE orderbell_owner PASSWORD :'owner';
ALTER ROLE orderbell PASSWORD :'daemon';
END

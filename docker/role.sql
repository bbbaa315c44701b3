-- The service's own role and database: owner of what it needs, and of nothing else.
--
-- The postgres image runs this as the superuser when the volume is new. DB_USER, DB_PASSWORD and
-- DB_NAME come from the environment, and psql quotes them, so they may hold any character.

\set ON_ERROR_STOP on
\getenv role DB_USER
\getenv password DB_PASSWORD
\getenv database DB_NAME

CREATE ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role" ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;

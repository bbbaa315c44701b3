-- What the database of the service needs on each node of Citus, besides docker/role.sql.
--
-- The image runs this as the superuser when the volume is new.

\set ON_ERROR_STOP on
\getenv role DB_USER
\getenv database DB_NAME

-- Citus does not pass on to the workers that a session waits no longer than this for a lock.
ALTER ROLE :"role" IN DATABASE :"database" SET lock_timeout = '2s';
\connect :"database"
CREATE EXTENSION citus;

-- The nodes, by the names under which they find each other. A new worker is one more line.

\set ON_ERROR_STOP on

SELECT citus_set_coordinator_host('coordinator', 5432);
SELECT citus_add_node('worker-1', 5432);
SELECT citus_add_node('worker-2', 5432);

"""Tables on many machines: what a migration says of a new one, for a database that is distributed.

Where `python -m app distribute` was run, a new table is as yet on the coordinator alone. A
migration that makes one that belongs to chats, and has a foreign key to `chat`, says in addition:

    op.execute(distribute_if_others_are("reaction", "chat_id", colocate_with="chat"))

Nothing is to be said of a table that belongs to no chat: it stays on the coordinator. What else a
migration says goes for both kinds of databases, as long as it adds no identity column to a table
that may be distributed, nor a trigger, and puts each command into a string of its own: Citus 13
refuses those.
"""


def distribute_if_others_are(table: str, column: str, colocate_with: str) -> str:
    """Return the SQL that distributes the table by a column, if `chat` is distributed.

    Its rows are on the machine of those of `colocate_with` that have the same value; with `none`,
    they are spread over as many shards as chats are. On plain PostgreSQL nothing happens. It asks
    by itself, so that migrations can be printed without a database.
    """
    spread = ", shard_count => shards" if colocate_with == "none" else ""
    return f"""
        DO $$
        DECLARE shards integer;
        BEGIN
            IF to_regclass('pg_dist_shard') IS NULL THEN
                RETURN;
            END IF;
            SELECT count(*) INTO shards FROM pg_dist_shard
            WHERE logicalrelid = CAST('chat' AS regclass);
            IF shards > 0 THEN
                PERFORM create_distributed_table(
                    '{table}', '{column}', colocate_with => '{colocate_with}'{spread}
                );
            END IF;
        END $$
    """

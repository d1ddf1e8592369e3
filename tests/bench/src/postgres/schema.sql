-- The baseline: what a careful team builds on PostgreSQL when it wants a tamper-evident table. One row an
-- event, each row's hash over the hash before it and the row itself, made by a trigger with pgcrypto, the
-- head row locked so that the chain has one order, and a trigger that refuses to change or remove rows.
-- No sealing, no signature, no repeat check: everything that is left out here makes it faster.
create extension pgcrypto;

create table publisher (
    token_hash bytea primary key,
    source     text not null
);

create table head (
    only_row boolean primary key default true check (only_row),
    position bigint not null,
    hash     bytea not null
) with (fillfactor = 10); -- room for the versions of one row that waiting transactions still see
insert into head values (true, 0, decode(repeat('00', 32), 'hex'));

-- A row that is updated by every event leaves versions behind; reading all of the table for it, as the
-- planner chooses for a table of one row, costs more the longer a run is. Its key finds it at once.
do $$ begin execute format('alter database %I set enable_seqscan = off', current_database()); end $$;

create table ledger (
    position bigint primary key,
    admitted timestamptz not null default clock_timestamp(),
    body     jsonb not null,
    previous bytea not null,
    hash     bytea not null
);

create function link() returns trigger language plpgsql as $$
declare
    last head%rowtype;
begin
    select * into last from head where only_row for update;
    new.position := last.position + 1;
    new.previous := last.hash;
    new.hash := digest(
        last.hash || convert_to(new.position::text || new.admitted::text || new.body::text, 'UTF8'),
        'sha256');
    update head set position = new.position, hash = new.hash where only_row;
    return new;
end $$;
create trigger link before insert on ledger for each row execute function link();

create function refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only';
end $$;
create trigger append_only before update or delete on ledger for each row execute function refuse();
create trigger never_truncated before truncate on ledger execute function refuse();

-- What the application calls: the token is checked, the events are appended, the last hash is the receipt.
create function append(token text, bodies jsonb[]) returns bytea language plpgsql as $$
declare
    receipt bytea;
begin
    perform 1 from publisher where token_hash = digest(token, 'sha256');
    if not found then
        raise exception 'unknown publisher';
    end if;
    insert into ledger (body) select unnest(bodies);
    select hash into receipt from head where only_row;
    return receipt;
end $$;

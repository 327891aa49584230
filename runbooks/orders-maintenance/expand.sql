-- Makes room for what replaces the old column. One transaction: all of it or nothing.

-- Whoever waits for a lock on orders makes everyone else wait behind it.
set local lock_timeout = '2s';

-- A constant default needs no rewrite of the table.
alter table public.orders add column channel text not null default 'web';

create table public.order_references (
    order_id bigint primary key references public.orders,
    reference text not null
);
comment on table public.order_references is 'Numbers that orders had elsewhere.';

insert into public.order_references (order_id, reference)
select id, legacy_reference from public.orders where legacy_reference is not null;

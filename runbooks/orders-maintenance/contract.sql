-- Drops the old column, and with it the only other copy of what it held.
set local lock_timeout = '2s';
lock table public.orders in access exclusive mode;

-- What was written to the old column since it was copied.
insert into public.order_references (order_id, reference)
select id, legacy_reference from public.orders where legacy_reference is not null
on conflict (order_id) do update set reference = excluded.reference;

alter table public.orders drop column legacy_reference;

-- Bears that nothing is there, and being run twice.
set local lock_timeout = '5s';
drop table if exists public.order_references;
alter table public.orders drop column if exists channel;

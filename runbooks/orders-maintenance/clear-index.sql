-- A build that failed leaves an index that nothing uses and every write pays for. A valid one is left alone.
set local lock_timeout = '2s';
do $$
begin
    if exists (
        select from pg_index
        where indexrelid = to_regclass('public.orders_status_placed_at') and not indisvalid
    ) then
        drop index public.orders_status_placed_at;
    end if;
end
$$;

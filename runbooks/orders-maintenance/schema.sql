-- The sample database that runbook.yaml maintains: an orders table that has grown an old column.

create table customers (
    id bigint generated always as identity primary key,
    name text not null,
    country text not null default 'DE'
);

create table orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    status text not null default 'open' check (status in ('open', 'paid', 'shipped')),
    total numeric(12, 2) not null,
    legacy_reference text,
    placed_at timestamptz not null
);

create index orders_customer on orders (customer_id);
alter table orders alter column customer_id set statistics 500;
comment on table orders is 'One row for each order; never deleted.';
comment on column orders.legacy_reference is 'Number in the shop before 2019.';

create view open_orders as
select orders.id, customers.name, orders.total, orders.placed_at
from orders join customers on customers.id = orders.customer_id
where orders.status = 'open';

insert into customers (name, country)
select 'customer ' || n, (array['DE', 'FR', 'US'])[1 + n % 3] from generate_series(1, 200) as n;

insert into orders (customer_id, status, total, legacy_reference, placed_at)
select
    1 + n % 200,
    (array['open', 'paid', 'shipped'])[1 + n % 3],
    n * 1.25,
    case when n % 4 = 0 then 'L-' || n end,
    timestamptz '2026-01-01 00:00:00+00' + n * interval '1 minute'
from generate_series(1, 5000) as n;

analyze;

/**
 * The demo's database: customers, products, orders, payments. Two million orders come to about 500 MB with their indexes.
 * Values are derived from the row number, so that every run makes the same content.
 */
export interface OrdersSize {
  readonly orders: number;
}

/** Statements in order; each table is filled in the transaction that makes it, which writes no WAL under `wal_level=minimal`. */
export function ordersDatabase({ orders }: OrdersSize): readonly string[] {
  const customers = Math.max(100, Math.floor(orders / 20));
  return [
    `begin;
     create table customers (id bigint not null, name text not null, email text not null, country text not null, since date not null);
     insert into customers
       select i, 'Customer ' || i, 'customer' || i || '@example.com', (array['DE','FR','GB','JP','US'])[1 + i % 5], date '2019-01-01' + (i % 2000)::int
       from generate_series(1::bigint, ${customers}) i;
     alter table customers add primary key (id);
     create unique index customers_email on customers (email);
     commit`,
    `begin;
     create table orders (
       id bigint not null, customer_id bigint not null, status text not null, total_cents bigint not null,
       created_at timestamptz not null, note text not null);
     insert into orders
       select i, 1 + (i * 7919) % ${customers}, (array['new','paid','shipped','done'])[1 + i % 4], 100 + (i * 104729) % 100000,
              timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second',
              'Order ' || i || ', ' || md5(i::text) || md5((i * 31)::text) || md5((i * 37)::text)
       from generate_series(1::bigint, ${orders}) i;
     alter table orders add primary key (id);
     create index orders_customer on orders (customer_id);
     create index orders_created on orders (created_at);
     commit`,
    `begin;
     create table payments (id bigint generated always as identity, order_id bigint not null, cents bigint not null, paid_at timestamptz not null);
     insert into payments (order_id, cents, paid_at)
       select id, total_cents, created_at + interval '1 minute' from orders where id % 4 = 0;
     alter table payments add primary key (id);
     commit`,
    "create sequence new_orders start with 1000000001",
    "analyze",
  ];
}

/** One order as the shop places it: a transaction of its own. */
export const PLACE_ORDER = `
  with placed as (
    insert into orders (id, customer_id, status, total_cents, created_at, note)
    values (nextval('new_orders'), $1, 'new', $2, clock_timestamp(), $3) returning id, total_cents)
  insert into payments (order_id, cents, paid_at) select id, total_cents, clock_timestamp() from placed`;

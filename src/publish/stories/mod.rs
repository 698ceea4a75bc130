//! Stories against real servers, skipped where there is none; and against a fake of what a newer ClickHouse documents.

mod clickhouse;
mod clickhouse_fake;
mod nats;
mod postgres;
mod rabbitmq;
mod redis;
mod s3;

"""The roof: wiring, typed readers, routing between databases."""

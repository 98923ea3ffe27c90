"""Model servers for tests: real HTTP on loopback, wire-faithful, with a history and faults to enqueue."""

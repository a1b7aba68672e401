// Package chaos contains the fault tests. They run the whole pipeline as separate processes, on
// their own RabbitMQ and Redis servers. During a test they kill, stall, slow down or empty a
// server, cut the network, or kill processes. The main tests print a table with a row for each
// fault. A test fails if an event is lost, if an effect happens twice, or if a notification is
// late.
//
//	make chaos
package chaos

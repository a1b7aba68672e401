// Package chaos holds the fault tests. They run the whole pipeline as separate processes, on
// RabbitMQ and Redis servers of their own. Then they kill, stall, slow down and empty the servers,
// cut the network and kill the processes. Each test prints a table with a line for each fault. It
// fails if an event is lost, if an effect happens twice, or if an alert is late.
//
//	make chaos
package chaos

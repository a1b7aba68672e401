// Package chaos contains the fault tests. They run the whole pipeline as separate processes, on
// their own RabbitMQ and Redis servers. A test kills, stalls, slows down or empties a server, cuts
// the network, or kills processes. The main tests print a table with a row for each fault. A test
// fails if an event is lost, if an effect happens twice, or if a notification is late.
//
// To run the long form of the tests:
//
//	make chaos
package chaos

// Package chaos holds the fault tests: the whole pipeline as processes of their
// own, on RabbitMQ and Redis servers of their own, while these are killed, cut
// off, slowed down and emptied, and the processes themselves killed. It prints
// what came of each fault, and fails if an event was lost or acted on twice.
//
//	make full
package chaos

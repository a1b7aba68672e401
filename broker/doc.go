// Package broker is the contract between those who publish messages and those who handle them.
//
// A [Message] carries an encoded event or task. A [Publisher] puts messages on the exchanges and
// confirms them. A [Subscriber] delivers those of a queue to a [Handler], retries those that fail,
// and dead-letters those that go on failing. A [Log] is the history of the events.
//
// Package rabbit is the contract over RabbitMQ, package memory within one process. Every broker
// passes the tests of package brokertest.
package broker

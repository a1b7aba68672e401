// Package broker defines how matchwire publishes messages and how it consumes them.
//
// A [Message] carries an encoded event or task. A [Publisher] publishes messages to the exchanges
// and waits until the broker confirms them. A [Subscriber] delivers the messages of a queue to a
// [Handler]. It retries messages that fail, and dead-letters messages that keep failing. A [Log] is
// the history of all events.
//
// Package rabbit implements [Broker] with RabbitMQ. Package memory implements it within one
// process. Every implementation passes the tests of package brokertest.
package broker

// Package broker is the contract between the parts that publish messages and those that handle them.
//
// A [Message] carries an encoded event or task. A [Publisher] publishes messages on the exchanges,
// and the broker confirms them. A [Subscriber] delivers the messages of a queue to a [Handler],
// retries those that fail, and dead-letters those that keep failing. A [Log] is the history of the
// events.
//
// Package rabbit implements the contract with RabbitMQ, package memory within one process. Every
// broker passes the tests of package brokertest.
package broker

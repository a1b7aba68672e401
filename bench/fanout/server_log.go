package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/event"
)

// A logSource is a RabbitMQ server with an event log. If url is empty, the events come from the
// runner.
type logSource struct{ url, namespace string }

// open returns the log for matchwire. If the events come from the runner, it also returns a
// function that publishes them to the log.
func (o logSource) open() (broker.Log, func([]byte) error, error) {
	if o.url != "" {
		b, err := rabbit.New(o.url, rabbit.Options{Namespace: o.namespace, Log: slog.New(slog.DiscardHandler)})
		return b, nil, err
	}
	b := memory.New(nil, nil)
	return b, publishTo(b), nil
}

// publishTo returns a function that publishes encoded events.
func publishTo(p broker.Publisher) func([]byte) error {
	return func(body []byte) error {
		e, err := event.Decode(body)
		if err == nil {
			m := broker.Message{Key: e.Type, ID: e.ID, TID: e.TID, Match: e.Subject, Time: e.Time, Body: body}
			_, err = p.Publish(context.Background(), m)
		}
		return err
	}
}

// consume starts a goroutine that calls broadcast with the body of each new message in the log.
func (o logSource) consume(broadcast func([]byte) error) error {
	conn, err := amqp.Dial(o.url)
	if err != nil {
		return fmt.Errorf("bare consumer: %w", err)
	}
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Qos(1000, 0, false)
	}
	if err != nil {
		return fmt.Errorf("bare consumer: %w", err)
	}
	args := amqp.Table{"x-stream-offset": "next"}
	deliveries, err := ch.Consume(o.namespace+".live_events.log", "", false, false, false, false, args)
	if err != nil {
		return fmt.Errorf("bare consumer: %w", err)
	}
	go func() { // ends with the connection
		n := 0
		for d := range deliveries {
			if err := broadcast(d.Body); err != nil {
				break
			}
			if n++; n%250 == 0 {
				if err := d.Ack(true); err != nil {
					break
				}
			}
		}
		fmt.Fprintln(os.Stderr, "bare consumer: stopped")
	}()
	return nil
}

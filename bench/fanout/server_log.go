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

// A logOption says where events come from, if not from the runner.
type logOption struct{ url, namespace string }

// open is the log that matchwire reads, and what puts the runner's events there.
func (o logOption) open() (broker.Log, func([]byte) error, error) {
	if o.url != "" {
		b, err := rabbit.New(o.url, rabbit.Options{Namespace: o.namespace, Log: slog.New(slog.DiscardHandler)})
		return b, nil, err
	}
	b := memory.New(nil, nil)
	return b, publishTo(b), nil
}

// publishTo puts encoded events into a log.
func publishTo(p broker.Publisher) func([]byte) error {
	return func(body []byte) error {
		e, err := event.Decode(body)
		if err == nil {
			_, err = p.Publish(context.Background(), broker.Message{Key: e.Type, ID: e.ID, TID: e.TID, Match: e.Subject, Time: e.Time, Body: body})
		}
		return err
	}
}

// consume passes on the bodies of the stream as they come, and nothing more: as
// little as a consumer of it can do.
func (o logOption) consume(broadcast func([]byte) error) error {
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
	deliveries, err := ch.Consume(o.namespace+".live_events.log", "", false, false, false, false, amqp.Table{"x-stream-offset": "next"})
	if err != nil {
		return fmt.Errorf("bare consumer: %w", err)
	}
	go func() { // until the connection ends
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
		fmt.Fprintln(os.Stderr, "bare consumer: the stream has ended")
	}()
	return nil
}

// Package rabbit is the RabbitMQ broker, 3.10 to 4.x. It declares what it
// needs, keeps its connections up by itself and keeps the contract of package
// event; topology.go says which objects there are.
//
// Publishing, retries and consuming have a connection each, so that a broker
// that blocks publishers does not stop acknowledgements.
package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// Options change what New assumes.
type Options struct {
	Namespace string          // put before every name, with a dot, so that two installations can share a virtual host
	Pauses    []time.Duration // how long a failed message waits, in turn; nil means broker.Pauses
	Log       *slog.Logger    // nil means slog.Default
}

// Broker is a RabbitMQ server, reached or not. Close it when done.
type Broker struct {
	topology *topology
	log      *slog.Logger
	publish  *publisher
	moves    *publisher // to retry queues and dead letters, so that a full one holds up no events
	consume  *link
}

// New returns a broker for an amqp:// or amqps:// URL, or for several, parted by
// commas, of the nodes of one cluster, which are tried in turn. A URL's query
// may name cacertfile, certfile, keyfile and server_name_indication for TLS.
//
// It does not dial: what is called on the broker does, and keeps trying until
// its context ends. Only a URL that can never work is an error.
func New(urls string, o Options) (*Broker, error) {
	var nodes []node
	for _, raw := range strings.Split(urls, ",") {
		raw = strings.TrimSpace(raw)
		u, err := amqp.ParseURI(raw)
		if err != nil || strings.Contains(u.Vhost, "@") {
			// The error would quote the URL, and with it the password.
			return nil, errors.New("AMQP URL: want amqp://user:password@host:port/vhost or amqps://…, or several of one cluster, parted by commas")
		}
		nodes = append(nodes, node{url: raw, at: fmt.Sprintf("%s://%s:%d%s", u.Scheme, u.Host, u.Port, vhostPath(u.Vhost))})
	}
	if o.Pauses == nil {
		o.Pauses = broker.Pauses()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	t := &topology{namespace: o.Namespace, pauses: o.Pauses, queueBytes: queueBytes, retryBytes: retryBytes}
	dial := func(name string) *link { return newLink(nodes, name, o.Log) }
	return &Broker{
		topology: t, log: o.Log,
		publish: newPublisher(dial("matchwire publisher"), t, o.Log),
		moves:   newPublisher(dial("matchwire retries"), t, o.Log),
		consume: dial("matchwire consumer"),
	}, nil
}

func vhostPath(v string) string {
	if v == "/" {
		return "/"
	}
	return "/" + v
}

// Reach connects, for who wants to know at once whether the broker is there: it
// returns why it could not be reached before ctx ended, or sooner where trying
// again cannot help.
func (b *Broker) Reach(ctx context.Context) error { return b.consume.reach(ctx) }

// Close closes the connections. What is being published or consumed fails.
func (b *Broker) Close() error {
	b.publish.link.close()
	b.moves.link.close()
	b.consume.close()
	return nil
}

// Emit connects to url, publishes one event there as [broker.Emit] does, and
// hangs up: one line for a program that has something to say now and then.
// One that emits all the time keeps a [Broker] and calls event.Emit.
func Emit(ctx context.Context, url, key string, facts event.Data, o Options) (event.Event, error) {
	b, err := New(url, o)
	if err != nil {
		return event.Event{}, err
	}
	defer b.Close()
	return broker.Emit(ctx, b, key, facts)
}

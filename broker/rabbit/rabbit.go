// Package rabbit implements the broker contract with RabbitMQ 3.10 to 4.x. It
// declares the exchanges and queues that it needs (topology.go lists them) and
// connects again after a connection is lost.
//
// A message is published on one shared channel (publisher.go) and counts as
// published when the broker has confirmed it. A delivery (subscribe.go) is
// acknowledged when its handler has returned nil (acks.go), or when a copy of it is
// confirmed in a retry queue or among the dead letters. The history of events is
// a stream (log.go).
//
// Four connections keep these apart. A broker that blocks publishers does not
// stop acknowledgements, a full retry queue does not delay events, and a
// declaration that the broker does not answer holds up only what needs it.
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

// Options are the optional settings of New.
type Options struct {
	Namespace string          // prefix of every name, followed by a dot; two installations can then share a virtual host
	Pauses    []time.Duration // before each further attempt at a failed message; nil means broker.Pauses
	Log       *slog.Logger    // nil means slog.Default
}

// Broker is a client of RabbitMQ. Close it when done.
type Broker struct {
	topology    *topology
	log         *slog.Logger
	publish     *publisher
	moves       *publisher // between queues: to retry and dead-letter queues, and back from the dead letters
	consumeLink *link
	control     *link // for declarations and inspections
}

// New returns a broker for an amqp:// or amqps:// URL, or for the URLs of one
// cluster's nodes, separated by commas, which are tried in turn. For TLS, a URL's
// query can name cacertfile, certfile, keyfile and server_name_indication.
//
// New does not dial. The broker's methods do, and try again until their context
// ends. Only a malformed URL is an error.
func New(urls string, o Options) (*Broker, error) {
	var nodes []node
	for _, raw := range strings.Split(urls, ",") {
		raw = strings.TrimSpace(raw)
		u, err := amqp.ParseURI(raw)
		if err != nil || strings.Contains(u.Vhost, "@") {
			// The error would quote the URL, and with it the password.
			return nil, errors.New("AMQP URL: want amqp://user:password@host:port/vhost or amqps://…, or several of one cluster, separated by commas")
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
	control := dial("matchwire control")
	return &Broker{
		topology: t, log: o.Log,
		publish:     newPublisher(dial("matchwire publisher"), control, t, o.Log),
		moves:       newPublisher(dial("matchwire retries"), control, t, o.Log),
		consumeLink: dial("matchwire consumer"),
		control:     control,
	}, nil
}

func (b *Broker) links() []*link {
	return []*link{b.publish.link, b.moves.link, b.consumeLink, b.control}
}

func vhostPath(v string) string {
	if v == "/" {
		return "/"
	}
	return "/" + v
}

// Reach connects, to find out early whether the broker is there. It returns why
// the broker could not be reached before ctx ended, or at once if trying again
// cannot help.
func (b *Broker) Reach(ctx context.Context) error { return b.consumeLink.reach(ctx) }

// Close closes the connections. Calls under way fail.
func (b *Broker) Close() error {
	for _, l := range b.links() {
		l.close()
	}
	return nil
}

// Emit connects to url, publishes one event there as [broker.Emit] does, and
// disconnects. It suits a program that emits an event now and then. A program that
// emits often keeps a [Broker] and calls broker.Emit.
func Emit(ctx context.Context, url, key string, facts event.Data, o Options) (event.Event, error) {
	b, err := New(url, o)
	if err != nil {
		return event.Event{}, err
	}
	defer b.Close()
	return broker.Emit(ctx, b, key, facts)
}

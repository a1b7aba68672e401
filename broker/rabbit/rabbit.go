// Package rabbit implements package broker with RabbitMQ 3.10 to 4.x. It declares the exchanges and
// queues that it needs (see topology.go), and reconnects when it loses a connection.
//
// All events and tasks are published on one shared channel (publisher.go). A message counts as
// published when the broker has confirmed it. A delivery (subscribe.go) is acknowledged when its
// handler has returned nil (acks.go). If the handler failed, the delivery is acknowledged when the
// broker has confirmed a copy in a retry or dead-letter queue. The history of events is a stream
// (log.go).
//
// A Broker uses four connections. So acknowledgements continue while the broker blocks publishers,
// and a full retry queue does not delay events. An unanswered declaration delays only the callers
// that need it.
package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// Options are the optional settings of [New].
type Options struct {
	// Namespace and a dot are the prefix of every exchange and queue name. Installations with
	// different namespaces can share a virtual host. "" means no prefix.
	Namespace string
	// Pauses are the pauses before the second and each later attempt to handle a message. nil means
	// [broker.Pauses].
	Pauses []time.Duration
	// Log is the logger. nil means [slog.Default].
	Log *slog.Logger
}

// Broker is a client of RabbitMQ. Its methods are safe for concurrent use. Call Close after use.
type Broker struct {
	topology    *topology
	log         *slog.Logger
	publisher   *publisher
	copier      *publisher // publishes the copies of failed messages and of requeued dead letters
	consumeLink *link
	controlLink *link // for declarations and inspections
	notices     notices
	failing     failing

	logAckDelay time.Duration

	verifyInterval time.Duration
	verifying      sync.Once
	stopVerifying  func()                   // nil if no verification runs
	verified       chan struct{}            // closed when verification has ended
	witnessed      map[broker.Exchange]bool // whether the witness existed at the last successful verification
}

// New returns a Broker for an amqp:// or amqps:// URL. For a cluster, pass the URLs of its nodes
// separated by commas. The Broker dials the nodes in order until one answers. For TLS, the query of
// a URL can set cacertfile, certfile, keyfile and server_name_indication.
//
// New does not dial. The methods of the Broker dial, and retry until their context ends. New
// returns an error only if a URL is malformed.
func New(urls string, o Options) (*Broker, error) {
	var nodes []node
	for _, raw := range strings.Split(urls, ",") {
		raw = strings.TrimSpace(raw)
		u, err := amqp.ParseURI(raw)
		if err != nil || strings.Contains(u.Vhost, "@") {
			// err would quote the URL, which contains the password.
			return nil, errors.New("AMQP URL: want amqp://user:password@host:port/vhost or amqps://…, " +
				"or the URLs of a cluster's nodes, separated by commas")
		}
		address := fmt.Sprintf("%s://%s:%d%s", u.Scheme, u.Host, u.Port, vhostPath(u.Vhost))
		nodes = append(nodes, node{url: raw, address: address})
	}
	if o.Pauses == nil {
		o.Pauses = broker.Pauses()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	t := &topology{namespace: o.Namespace, pauses: o.Pauses, queueBytes: queueBytes, retryBytes: retryBytes}
	t.restriction.log = o.Log
	linkFor := func(name string) *link { return newLink(nodes, name, o.Log) }
	control := linkFor("matchwire control")
	return &Broker{
		topology: t, log: o.Log,
		publisher:   newPublisher(linkFor("matchwire publisher"), control, t, o.Log),
		copier:      newPublisher(linkFor("matchwire retries"), control, t, o.Log),
		consumeLink: linkFor("matchwire consumer"),
		controlLink: control,

		logAckDelay: logAckDelay, verifyInterval: verifyInterval, verified: make(chan struct{}),
		witnessed: map[broker.Exchange]bool{},
	}, nil
}

func (b *Broker) links() []*link {
	return []*link{b.publisher.link, b.copier.link, b.consumeLink, b.controlLink}
}

// vhostPath returns a virtual host as the path of a URL.
func vhostPath(v string) string {
	if v == "/" {
		return "/"
	}
	return "/" + v
}

// Reach connects to the broker to check whether it is available. Reach retries until it succeeds or
// ctx ends, unless retrying cannot help. If it does not succeed, it returns the last error. It writes failed attempts
// to log.
func (b *Broker) Reach(ctx context.Context, log *slog.Logger) error {
	return b.consumeLink.reach(ctx, log)
}

// Close closes the connections. Calls in progress fail.
func (b *Broker) Close() error {
	b.verifying.Do(func() {}) // prevents startVerifying from starting later
	if b.stopVerifying != nil {
		b.stopVerifying()
	}
	for _, l := range b.links() {
		l.close()
	}
	return nil
}

// Emit connects to url, publishes one event with [broker.Emit], and disconnects. If your program
// emits events often, create a [Broker] once and call broker.Emit instead.
func Emit(ctx context.Context, url, key string, facts event.Data, o Options) (event.Event, error) {
	b, err := New(url, o)
	if err != nil {
		return event.Event{}, err
	}
	defer b.Close()
	return broker.Emit(ctx, b, key, facts)
}

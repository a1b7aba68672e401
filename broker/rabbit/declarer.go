package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// A restriction records that the broker has refused to let the user declare or bind an object. After
// the first refusal, declarers check whether an object exists before they declare it, and do not
// repeat refused bindings.
type restriction struct {
	active  atomic.Bool
	once    sync.Once
	refused sync.Map // the refused bindings; key: queue or exchange, and its source
	log     *slog.Logger
}

// note records that the user may not declare an object or a binding. It logs only the first of
// them.
func (r *restriction) note(object string) {
	r.active.Store(true)
	r.once.Do(func() {
		r.log.Info("the RabbitMQ user may not declare objects, so this process uses those that matchwire setup declared",
			"object", object)
	})
}

// An Object is an exchange or queue that [Broker.Setup] declares, or a binding.
type Object struct {
	Kind string // "exchange", "queue" or "binding"
	Name string
	// Existed reports whether the exchange or queue existed before Setup. It is false for a binding,
	// because AMQP cannot check whether a binding exists.
	Existed bool
}

// Setup declares all exchanges, the log, and the queue of each subscription with its retry and
// dead-letter queues. It also declares their bindings. It calls report, which must not be nil, for
// each object. It fails at the first object that the broker refuses. The error contains the name of
// that object.
func (b *Broker) Setup(ctx context.Context, all []broker.Subscription, report func(Object)) error {
	d := b.topology.declarer(b.controlLink)
	defer d.close()
	d.report = report
	if err := d.exchanges(ctx); err != nil {
		return err
	}
	for _, s := range all {
		if err := d.subscription(ctx, s); err != nil {
			return err
		}
	}
	for _, e := range []broker.Exchange{broker.LiveEvents, broker.Tasks} {
		if err := d.witnessOf(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes the exchanges and queues that Setup declares for the same subscriptions, with all their messages. No
// process may use them meanwhile.
func (b *Broker) Remove(ctx context.Context, all []broker.Subscription) error {
	var found []Object
	if err := b.Setup(ctx, all, func(o Object) { found = append(found, o) }); err != nil {
		return err
	}
	d := b.topology.declarer(b.controlLink)
	defer d.close()
	for _, o := range found {
		err := d.call(ctx, func(ch *amqp.Channel) error {
			switch o.Kind {
			case "queue":
				_, err := ch.QueueDelete(o.Name, false, false, false)
				return err
			case "exchange":
				return ch.ExchangeDelete(o.Name, false, false)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("deleting %s %q: %w", o.Kind, o.Name, err)
		}
	}
	return nil
}

// A declarer declares objects one after another, on a channel that it opens when needed. If the user
// may not declare an object and report is nil, the declarer only checks whether the object exists.
// If report is set, the declarer fails instead. Call close after use.
type declarer struct {
	*topology
	control *link
	ch      *channel     // nil before the first request and after an error
	report  func(Object) // called for each object; may be nil
}

func (t *topology) declarer(control *link) *declarer { return &declarer{topology: t, control: control} }

// A channelError reports that a declarer could not open a channel. Its cause, such as a refused login, does not mean
// that the broker has refused a request of the declarer.
type channelError struct{ cause error }

func (e *channelError) Error() string { return e.cause.Error() }
func (e *channelError) Unwrap() error { return e.cause }

// call runs a request. After an error, it closes the channel.
func (d *declarer) call(ctx context.Context, request func(*amqp.Channel) error) error {
	if d.ch == nil {
		ch, err := d.control.channel(ctx)
		if err != nil {
			return &channelError{err}
		}
		d.ch = ch
	}
	err := d.ch.call(ctx, request)
	if err != nil {
		d.close()
	}
	return err
}

func (d *declarer) close() {
	if d.ch != nil {
		_ = d.ch.Close()
		d.ch = nil
	}
}

// object declares an exchange or queue with the request declare. The request check only checks
// whether the exchange or queue exists. Any user may send it.
func (d *declarer) object(ctx context.Context, kind, name string, declare, check func(*amqp.Channel) error) error {
	what := fmt.Sprintf("%s %q", kind, name)
	existed := false
	for checked := d.report != nil || d.restriction.active.Load(); ; checked = true {
		if checked {
			err := d.call(ctx, check)
			switch {
			case err == nil && d.report == nil:
				return nil
			case err == nil:
				existed = true
			case !hasCode(err, amqp.NotFound):
				return fmt.Errorf("inspecting %s: %w", what, err)
			}
		}
		err := d.call(ctx, declare)
		switch {
		case err == nil:
			if d.report != nil {
				d.report(Object{Kind: kind, Name: name, Existed: existed})
			}
			return nil
		case !hasCode(err, amqp.AccessRefused):
			return declareError(kind, name, err)
		case d.report != nil:
			return fmt.Errorf("%w: the user may not declare %s: %w", errRefused, what, err)
		}
		d.restriction.note(what)
		if checked {
			return fmt.Errorf("%s does not exist and the user may not declare it: run matchwire setup", what)
		}
	}
}

// binding binds a queue or exchange to a source with the request bind. If the user may not bind it and
// report is nil, binding returns nil without checking that the binding exists, because AMQP has no
// request for that.
func (d *declarer) binding(
	ctx context.Context,
	kind, name, pattern, source string,
	bind func(*amqp.Channel) error,
) error {
	type permission struct{ name, source string }
	if _, refused := d.restriction.refused.Load(permission{name, source}); refused && d.report == nil {
		return nil
	}
	what := fmt.Sprintf("binding of %s %q to %q with pattern %q", kind, name, source, pattern)
	err := d.call(ctx, bind)
	switch {
	case hasCode(err, amqp.AccessRefused) && d.report == nil:
		d.restriction.note(what)
		d.restriction.refused.Store(permission{name, source}, true)
	case hasCode(err, amqp.AccessRefused):
		return fmt.Errorf("%w: the user may not declare the %s: %w", errRefused, what, err)
	case err != nil:
		return fmt.Errorf("declaring the %s: %w", what, err)
	case d.report != nil:
		d.report(Object{Kind: "binding", Name: strings.TrimSpace(fmt.Sprintf("%s -> %s %s", source, name, pattern))})
	}
	return nil
}

// hasCode reports whether err means that the broker refused a request with the given code.
func hasCode(err error, code int) bool {
	var refused *amqp.Error
	return errors.As(err, &refused) && refused.Code == code && !errors.As(err, new(*channelError))
}

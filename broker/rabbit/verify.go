package rabbit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
)

// verifyInterval is the mean time between two verifications. While the bindings of a queue are missing,
// the queue receives no messages, and neither the broker nor AMQP reports that.
const verifyInterval = 20 * time.Second

// startVerifying starts a goroutine that verifies the objects that this Broker uses, at once and then
// at intervals. The goroutine continues after ctx ends, until Close. Later calls do nothing.
func (b *Broker) startVerifying(ctx context.Context) {
	b.verifying.Do(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		b.stopVerifying = func() { cancel(); <-b.verified }
		go func() {
			defer close(b.verified)
			for {
				if err := b.verify(ctx); err != nil && ctx.Err() == nil {
					b.log.Warn("queues and bindings not verified", "error", err)
				}
				// Jitter spreads the verifications of several processes.
				if !sleep(ctx, b.verifyInterval/2+rand.N(b.verifyInterval)) {
					return
				}
			}
		}()
	})
}

// verify repeats all declarations of this Broker: exchanges, the log, queues and bindings. RabbitMQ
// accepts a repeated declaration, and creates an object that is missing. Then verify declares the
// witnesses that are missing. If such a witness was present before, verify reports that its exchange
// was deleted.
func (b *Broker) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(verifyInterval, replyTimeout))
	defer cancel()
	errs := []error{b.topology.declareKnown(ctx, b.controlLink)}
	for _, e := range []broker.Exchange{broker.LiveEvents, broker.Tasks} {
		present, err := b.topology.inspectWitness(ctx, b.controlLink, e)
		if err == nil {
			err = b.checkWitness(e, present, func() error { return b.topology.declareWitness(ctx, b.controlLink, e) })
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkWitness calls declare if the witness of an exchange is not present. If the witness was present
// before, checkWitness reports that the exchange was deleted. It reports each deletion once, even if
// declare fails.
func (b *Broker) checkWitness(e broker.Exchange, present bool, declare func() error) error {
	if !present {
		if b.witnessed[e] {
			b.noteDeleted(b.topology.exchange(e))
			b.witnessed[e] = false
		}
		if err := declare(); err != nil {
			return err
		}
	}
	b.witnessed[e] = true
	return nil
}

// noteDeleted reports that an exchange was deleted.
func (b *Broker) noteDeleted(exchange string) {
	repair := "it and its bindings are declared again"
	if b.topology.restriction.active.Load() {
		repair = "run matchwire setup to declare it and its bindings again"
	}
	b.log.Error("exchange was deleted", "exchange", exchange, "repair", repair)
	b.notices.add(exchange, fmt.Sprintf("exchange %q was deleted (noticed at %s UTC); %s; "+
		"queues and the log may lack messages that were published meanwhile", exchange,
		time.Now().UTC().Format(time.TimeOnly), repair))
}

// declareKnown repeats all declarations of this Broker.
func (t *topology) declareKnown(ctx context.Context, control *link) error {
	if err := t.declareExchanges(ctx, control); err != nil {
		return err
	}
	var errs []error
	for _, s := range t.queues.subscriptions() {
		if err := t.declareQueue(ctx, control, s); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// witness returns the name of the witness of exchange e. The witness is another exchange. It carries
// no messages, and e is bound to it. When e is deleted, RabbitMQ deletes the binding. That was the
// last binding of the witness, so RabbitMQ deletes the witness too. The absence of the witness shows
// that e was deleted, even if e was declared again. AMQP cannot list the bindings that e has lost.
func (t *topology) witness(e broker.Exchange) string { return t.exchange(e) + ".witness" }

// inspectWitness reports whether the witness of an exchange exists.
func (t *topology) inspectWitness(ctx context.Context, control *link, e broker.Exchange) (bool, error) {
	d := t.declarer(control)
	defer d.close()
	err := d.call(ctx, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(t.witness(e), amqp.ExchangeFanout, true, true, false, false, nil)
	})
	if hasCode(err, amqp.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// declareWitness declares the witness of an exchange, and binds the exchange to the witness.
func (t *topology) declareWitness(ctx context.Context, control *link, e broker.Exchange) error {
	d := t.declarer(control)
	defer d.close()
	return d.witnessOf(ctx, e)
}

// witnessOf declares the witness of an exchange, and binds the exchange to the witness.
func (d *declarer) witnessOf(ctx context.Context, e broker.Exchange) error {
	exchange, witness := d.exchange(e), d.witness(e)
	if err := d.declareExchange(ctx, witness, amqp.ExchangeFanout, true); err != nil {
		return err
	}
	return d.binding(ctx, "exchange", exchange, "", witness,
		func(ch *amqp.Channel) error { return ch.ExchangeBind(exchange, "", witness, false, nil) })
}

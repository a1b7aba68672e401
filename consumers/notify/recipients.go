package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// A recipient is one of the recipients of a channel. A channel that does not distinguish recipients
// has a single one, without an ID.
type recipient struct {
	id       string
	address  send.Recipient
	filter   filter // in addition to the rule's
	language string // "" means the rule's
}

// service returns the host of the recipient's push service, or "".
func (r recipient) service() string {
	u, err := url.Parse(r.address.Push.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// recipients returns the recipients of the channel.
func (n *notifier) recipients(ctx context.Context) ([]recipient, error) {
	if n.subscribers != nil {
		return n.subscribers.list(ctx)
	}
	lister, ok := n.sender.(send.Lister)
	if !ok {
		return []recipient{{}}, nil
	}
	var all []recipient
	for _, r := range lister.Recipients() {
		all = append(all, recipient{id: r.ID, address: r})
	}
	return all, nil
}

// several reports whether the channel distinguishes recipients.
func (n *notifier) several() bool {
	_, ok := n.sender.(send.Lister)
	return ok || n.subscribers != nil
}

const (
	pushAtOnce = 32 // browsers that one event is sent to at a time
	mailAtOnce = 1  // mailboxes: each has a connection to the mail server
)

// sendToAll sends to all targets. If it fails for some, and the event is delivered again, those that
// have received it do not get it again.
func (n *notifier) sendToAll(ctx context.Context, e event.Event, to []target, state *incidentState) error {
	if err := state.expect(ctx, to); err != nil {
		return err
	}
	errs := make([]error, len(to))
	var sending errgroup.Group
	sending.SetLimit(mailAtOnce)
	if n.subscribers != nil {
		sending.SetLimit(pushAtOnce)
	}
	var mu sync.Mutex
	paused := map[string]error{} // by service
	for i, t := range to {
		sending.Go(func() error {
			mu.Lock()
			err := paused[t.service()]
			mu.Unlock()
			if err == nil {
				err = n.limiter.wait(ctx, t.service())
			}
			if err != nil {
				state.refused(ctx, t)
				mu.Lock()
				paused[t.service()], errs[i] = err, err
				mu.Unlock()
				return nil
			}
			errs[i] = n.sendOne(ctx, e, t, state)
			if errors.Is(errs[i], send.ErrGone) {
				n.subscribers.remove(ctx, t.id, "the push service no longer knows it")
				state.refused(ctx, t)
				errs[i] = nil
			}
			return nil
		})
	}
	_ = sending.Wait()
	return n.outcome(ctx, e, errs)
}

// outcome returns the error of an event that was sent to several recipients. An error that is worth
// a retry comes first: those that have received the event do not get it again.
func (n *notifier) outcome(ctx context.Context, e event.Event, errs []error) error {
	var retry, permanent error
	failed := 0
	for _, err := range errs {
		switch {
		case err == nil:
			continue
		case errors.Is(err, broker.ErrPermanent):
			permanent = joined(permanent, err, failed)
		case retry == nil || errors.Is(retry, broker.ErrUnavailable):
			retry = err
		}
		failed++
	}
	trace.From(ctx).Says(fmt.Sprintf("sent to %d of %d recipients", len(errs)-failed, len(errs)))
	switch {
	case retry != nil:
		return retry
	case permanent != nil && (n.subscribers == nil || failed == len(errs)):
		return permanent
	case permanent != nil: // one of many browsers, which no retry can help
		n.log.Warn("notification refused for some browsers", "browsers", failed, "tid", e.TID, "id", e.ID, "error", permanent)
	}
	return nil
}

// joined returns an error that wraps both, unless there are many already.
func joined(all, err error, count int) error {
	const most = 5
	switch {
	case all == nil:
		return err
	case count >= most:
		return all
	}
	return fmt.Errorf("%w; %w", all, err)
}

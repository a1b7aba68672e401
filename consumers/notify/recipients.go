package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/trace"
)

// A recipient is a browser or a mailbox. Other kinds of channels have a single recipient, whose id
// is "".
type recipient struct {
	id       string
	address  send.Recipient
	filter   filter // in addition to the rule's
	language string // "" for the language of the rule
	unproven bool   // the recipient has never received a notification
}

// service returns the host of a browser's push service. For other recipients it returns "".
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

// several reports whether the channel can have several recipients.
func (n *notifier) several() bool {
	_, ok := n.sender.(send.Lister)
	return ok || n.subscribers != nil
}

const (
	pushAtOnce = 32 // maximum number of concurrent requests to push services for one event
	mailAtOnce = 1  // maximum number of concurrent connections to the mail server for one event
)

// sendToAll sends an event to all targets. If sending fails for some targets, only these targets
// get the event when it is delivered again. due is the time of the event plus the delay of the rule.
func (n *notifier) sendToAll(
	ctx context.Context, e event.Event, due time.Time, targets []target, state *incidentState,
) error {
	if err := state.recordAttempt(ctx, targets); err != nil {
		return err
	}
	errs := make([]error, len(targets))
	var sending errgroup.Group
	sending.SetLimit(mailAtOnce)
	if n.subscribers != nil {
		sending.SetLimit(pushAtOnce)
	}
	var mu sync.Mutex
	limiterErrs := map[string]error{} // by service
	for i, t := range targets {
		sending.Go(func() error {
			mu.Lock()
			err := limiterErrs[t.service()]
			mu.Unlock()
			if err == nil {
				err = n.limiter.wait(ctx, t.service())
			}
			if err != nil {
				state.markRefused(ctx, t)
				mu.Lock()
				limiterErrs[t.service()], errs[i] = err, err
				mu.Unlock()
				return nil
			}
			errs[i] = n.sendOne(ctx, e, t, state)
			if errors.Is(errs[i], send.ErrGone) {
				n.subscribers.remove(ctx, t.id, "gone, according to the push service")
				state.markRefused(ctx, t)
				errs[i] = nil
			}
			return nil
		})
	}
	_ = sending.Wait()
	err := n.outcome(ctx, e, errs)
	if err != nil && slices.Contains(errs, nil) && time.Since(due) > partialWait {
		err = consumers.Pass(err)
	}
	return err
}

// partialWait is how long later events of a match wait for an event that only some recipients have
// received. After that, a push service that is down delays only its own browsers.
const partialWait = 45 * time.Second

// outcome returns one error for an event that was sent to several recipients. If a retry can help for
// any recipient, outcome returns an error that is not permanent. If push services permanently refuse
// the event for some browsers only, outcome logs the errors and returns nil.
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
	trace.From(ctx).SetOutcome(fmt.Sprintf("sent to %d of %d recipients", len(errs)-failed, len(errs)))
	switch {
	case retry != nil:
		return retry
	case permanent != nil && (n.subscribers == nil || failed == len(errs)):
		return permanent
	case permanent != nil:
		n.log.Warn("notification refused for some browsers", "browsers", failed, "tid", e.TID, "id", e.ID, "error", permanent)
	}
	return nil
}

// joined returns an error that wraps both all and err. count is the number of earlier errors. If count
// is 5 or more, joined returns all.
func joined(all, err error, count int) error {
	const maxErrors = 5
	switch {
	case all == nil:
		return err
	case count >= maxErrors:
		return all
	}
	return fmt.Errorf("%w; %w", all, err)
}

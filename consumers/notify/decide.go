package notify

import (
	"cmp"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A decision is what a channel does with an event.
type decision struct {
	rule    *rule     // the rule that matches the event, or nil
	targets []target  // the recipients to notify; none if the event is suppressed or postponed
	reason  string    // why there are no targets; "" if there are
	until   time.Time // when to decide again; zero unless the event is postponed
}

// A target is a recipient that an event is sent to.
type target struct {
	recipient
	asNews bool // the recipient was not notified of the incident
}

// The reasons to suppress or postpone an event. noRule, quietHours and late suppress an event only for
// recipients that were not notified of its incident. backfill, replay and old suppress an event for
// every recipient.
const (
	backfill   = "backfill"
	replay     = "replay"
	old        = "old"
	noRule     = "no rule matches"
	quietHours = "quiet hours"
	late       = "the page listed the incident more than 15 minutes of play after it happened"

	superseded    = "superseded by a later revision"
	sentBefore    = "sent before"
	notSentBefore = "the incident was not sent"
	noRecipient   = "no recipient to notify"
	spoilerDelay  = "a spoiler delay"
)

// decide returns what the channel does with an event at the time now. r is the rule that matches the
// event, or nil. h is the history of the incident. decide calls recipients only if the channel can have
// recipients to notify.
func (n *notifier) decide(
	e event.Event, r *rule, h *history, now time.Time, recipients func() ([]recipient, error),
) (decision, error) {
	if r != nil && n.staleReason(e, now) == "" {
		if until := e.Time.Add(r.delay); until.After(now) && r.delay > 0 {
			return decision{rule: r, reason: spoilerDelay, until: until}, nil
		}
	}
	d := decision{rule: r}
	reason := n.suppressReason(e, r, now)
	if r == nil && h.unsent() {
		d.reason = reason
		return d, nil
	}
	all, err := recipients()
	if err != nil {
		return d, err
	}
	without := noRecipient // why the first recipient is not notified
	for i, rec := range all {
		t, why := h.decideTarget(rec, r != nil && rec.filter.matches(e), reason)
		switch {
		case why == "":
			t.language = cmp.Or(rec.language, n.languageOf(r))
			d.targets = append(d.targets, t)
		case i == 0:
			without = why
		}
	}
	if len(d.targets) == 0 {
		d.reason = cmp.Or(reason, without)
	}
	return d, nil
}

// suppressReason returns the reason to suppress an event at the time now, or "". r is the rule that
// matches the event, or nil.
func (n *notifier) suppressReason(e event.Event, r *rule, now time.Time) string {
	stale := n.staleReason(e, now)
	switch {
	case stale != "":
		return stale
	case r == nil:
		return noRule
	case r.quiet.at(now):
		return quietHours
	}
	return ""
}

// staleReason returns the reason why an event is not news at the time now, or "".
func (n *notifier) staleReason(e event.Event, now time.Time) string {
	switch {
	case e.Data.Backfill:
		return backfill
	case e.Data.Replay:
		return replay
	case now.Sub(e.Time) > n.maxAge:
		return old
	case longPast(e):
		return late
	}
	return ""
}

// languageOf returns the language of a rule. If r is nil, it returns the default language.
func (n *notifier) languageOf(r *rule) string {
	if r == nil { // no rule matches the correction, but one matched the original event
		return n.language
	}
	return r.language
}

// A history is what a channel has done about the incident of an event.
type history struct {
	e          event.Event
	rev        int            // of e
	suppressed string         // the reason; "" if the incident is not suppressed
	delivered  map[string]int // latest delivered revisions, by recipient ID
	attempted  map[string]int // revisions that may have been delivered, by recipient ID
}

func newHistory(e event.Event, rev int) history {
	return history{e: e, rev: rev, delivered: map[string]int{}, attempted: map[string]int{}}
}

// decideTarget returns a recipient as a target, or the reason not to notify it. wanted is true if the
// rule and the recipient's filter match the event. reason is the reason to suppress the event, or "".
func (h *history) decideTarget(r recipient, wanted bool, reason string) (t target, why string) {
	delivered, attempted := h.delivered[r.id], h.attempted[r.id]
	retracted := h.e.Data.Action == event.Retracted
	switch {
	case delivered == h.rev: // an earlier attempt succeeded
		return target{}, sentBefore
	case delivered > 0 || attempted > 0 && (attempted < h.rev || retracted):
		// An earlier notification was or may have been delivered, and is no longer correct. Its
		// correction is suppressed only if the correction is backfill, a replay or too old.
		if reason == backfill || reason == replay || reason == old {
			return target{}, reason
		}
		return target{recipient: r}, ""
	case retracted: // the recipient was not notified of the incident
		return target{}, notSentBefore
	case reason != "":
		return target{}, reason
	case h.suppressed != "":
		return target{}, "an earlier event of the incident was suppressed: " + h.suppressed
	case !wanted:
		return target{}, noRecipient
	}
	return target{recipient: r, asNews: true}, ""
}

// unsent reports whether no notification of the incident was or may have been delivered.
func (h *history) unsent() bool { return len(h.delivered)+len(h.attempted) == 0 }

// suppressedBy reports whether an event that is suppressed for a reason suppresses the incident too. It
// returns false if the reason does not apply to later events, if the event is a retraction, or if the
// incident is already suppressed.
func (h *history) suppressedBy(reason string) bool {
	switch reason {
	case backfill, replay, old, late, quietHours:
		return h.suppressed == "" && h.e.Data.Action != event.Retracted
	}
	return false
}

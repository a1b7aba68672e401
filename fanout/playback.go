package fanout

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/broker"
)

const (
	maxPlaybacks  = 8                // readings of the log at a time for clients that missed more than memory holds, and searches for the place of others
	playbackBytes = 4 << 20          // of frames that a playback is ahead of its clients
	pacedBytes    = 256 << 10        // the same, where a clock holds it back
	arriveWithin  = 60 * time.Second // for the log to be read up to a client's place
	holdUp        = 10               // times that one client may hold up a playback for a second
)

// errReached ends a reading of the log: the rest is in the hub's memory.
var errReached = errors.New("the rest is in memory")

// An arrival is a client whose place is in the log, and no longer in memory.
type arrival struct {
	client *client
	wants  wants
	cursor *broker.Cursor // its place, or
	from   time.Time      // when its place was read
	done   chan outcome   // holds one
}

// What became of an arrival.
type outcome int

const (
	taken   outcome = iota
	missing         // its place is not in the log
	again           // memory has its place by now, or the line it came to has ended
	full            // there are too many lines
)

// A playback reads the log anew, with a history and a line of its own, and hands
// its clients over to memory when it gets there.
type playback struct {
	hub     *Hub
	pace    pace       // of its line
	waiting []*arrival // the earliest first
	history *history
	line    *line // nil until the first client's place is reached
	found   func()
	ctx     context.Context
	waited  time.Duration // for clients, since somebody was marked
}

// catchUp plays the log back to a client that comes with a cursor, together with
// others if there is no clock to go by.
func (h *Hub) catchUp(ctx context.Context, a *arrival, at pace) outcome {
	if !at.live() {
		return h.playFor(ctx, a, at)
	}
	h.mu.Lock()
	h.late = append(h.late, a)
	if h.playbacks < maxPlaybacks {
		h.playbacks++
		h.goroutines.Go(h.catchUpAll)
	}
	h.mu.Unlock()
	return a.wait(ctx)
}

// catchUpAll goes on while there are arrivals.
func (h *Hub) catchUpAll() {
	for {
		h.mu.Lock()
		late := h.late
		h.late = nil
		if len(late) == 0 {
			h.playbacks--
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		slices.SortFunc(late, func(a, b *arrival) int { return cmp.Compare(a.cursor.Offset, b.cursor.Offset) })
		(&playback{hub: h, waiting: late}).run()
	}
}

// playFor plays the log back to one client, at a pace. So many at most look for
// their place at a time.
func (h *Hub) playFor(ctx context.Context, a *arrival, at pace) outcome {
	h.mu.Lock()
	if h.playing >= maxPlaybacks {
		h.mu.Unlock()
		return again
	}
	h.playing++
	h.mu.Unlock()
	p := &playback{hub: h, pace: at, waiting: []*arrival{a}, found: func() {
		h.mu.Lock()
		h.playing--
		h.mu.Unlock()
	}}
	h.goroutines.Go(p.run)
	return a.wait(ctx)
}

func (a *arrival) wait(ctx context.Context) outcome {
	select {
	case o := <-a.done:
		return o
	case <-ctx.Done():
		return full
	}
}

// run reads until memory has the rest, or nobody is left.
func (p *playback) run() {
	ctx, stop := context.WithCancel(p.hub.ctx)
	defer stop()
	p.ctx = ctx
	if p.found != nil {
		p.found = sync.OnceFunc(p.found)
		defer p.found()
	}
	err := p.read(stop)
	if err != nil && ctx.Err() == nil {
		p.hub.log.Warn("clients that are behind are sent away", "error", err)
	}
	p.dismiss()
	if p.line != nil && err != nil {
		p.hub.endLine(p.line, closeTryLater, "the event log cannot be read now; resume by cursor")
	}
}

func (p *playback) read(stop func()) error {
	first, offset := p.waiting[0], uint64(math.MaxUint64)
	if first.cursor != nil {
		offset = first.cursor.Offset
	}
	cp, err := p.hub.checkpoints.before(p.ctx, offset, first.from)
	if err != nil {
		p.hub.log.Warn("reading the event log from its beginning", "error", err)
	}
	p.history = newHistory(playbackBytes, cp)
	if !p.pace.live() {
		p.history.limit = pacedBytes
	}
	for {
		err := p.hub.source.ReadLog(p.ctx, p.history.last(), nil, func(at broker.Cursor, m broker.Message) error { return p.take(at, m, stop) })
		switch {
		case errors.Is(err, broker.ErrCursorGone) && p.line == nil && cp.at != broker.Start:
			cp = beginning() // the log does not reach back to the checkpoint
			p.history = newHistory(p.history.limit, cp)
			continue
		case !errors.Is(err, errReached):
			return err
		}
		p.dismiss() // memory has the place of those who still wait
		if p.line == nil || p.handOver() {
			return nil
		}
	}
}

// dismiss has those who wait look for their place again.
func (p *playback) dismiss() {
	for _, a := range p.waiting {
		a.done <- again
	}
	p.waiting = nil
}

// take adds a message, and waits until there is room for more.
func (p *playback) take(at broker.Cursor, m broker.Message, stop func()) error {
	f, err := p.history.take(at, m, false)
	if err != nil {
		p.hub.log.Debug("not an event, not framed", "key", m.Key, "cursor", at, "error", err)
	}
	p.admit(at, f, stop)
	if p.line == nil {
		p.history.pass()
		if len(p.waiting) == 0 {
			return errReached
		}
	}
	for p.line != nil && p.history.full(p.line.needed) {
		if !p.pause() {
			return p.ctx.Err()
		}
	}
	if p.hub.history.reaches(after(at)) {
		return errReached
	}
	return nil
}

// pause waits until clients may have taken something. For each second of waiting
// the slowest get a mark, and too many marks end them.
func (p *playback) pause() bool {
	began := time.Now()
	second := time.NewTimer(time.Second - p.waited)
	defer second.Stop()
	select {
	case <-p.ctx.Done():
		return false
	case <-p.line.progress:
		p.waited = min(p.waited+time.Since(began), time.Second)
	case <-second.C:
		p.waited = 0
		p.line.mark()
	}
	return true
}

// admit takes the clients whose place this message is. f is its frame, if it has
// one.
func (p *playback) admit(at broker.Cursor, f *frame, stop func()) {
	for len(p.waiting) > 0 {
		a := p.waiting[0]
		o := taken
		switch {
		case a.cursor != nil && at.Offset < a.cursor.Offset, a.cursor == nil && (f == nil || !f.read.After(a.from)):
			return
		case a.cursor != nil && at != *a.cursor:
			o = missing
		default:
			o = p.seat(a, at, f, stop)
		}
		p.waiting = p.waiting[1:]
		a.done <- o
	}
}

// seat puts a client on the line, which begins with the first.
func (p *playback) seat(a *arrival, at broker.Cursor, f *frame, stop func()) outcome {
	if p.line == nil {
		position, from := at.Offset, a.from
		last, read, states := p.history.begin()
		switch {
		case f == nil: // not framed, or the last of the checkpoint
			position, from = after(at), read
		case a.cursor != nil || last == broker.Start: // or there is nothing before it to wait through
			from = f.read
		}
		l := newLine(p.hub, p.history, p.pace.clock(from), position, last, states)
		l.patient = p.pace.live()
		if !p.hub.startLine(l, stop) {
			return full
		}
		p.line = l
		p.hub.delayLine(p.pace.delay, l)
		if p.found != nil {
			p.found()
		}
	}
	ok, err := p.line.add(a.client, a.wants, a.cursor)
	switch {
	case err != nil:
		p.hub.log.Error("client not taken", "error", err)
		return full
	case !ok:
		return again
	}
	return taken
}

// handOver goes on with the hub's history in place of the playback's, as soon as
// it has all that somebody still needs. false: it no longer has what follows,
// and the log must be read further.
func (p *playback) handOver() bool {
	for {
		over := false
		if !p.line.between(p.ctx, func() { over = p.swap() }) || over {
			return true
		}
		if !p.hub.history.reaches(after(p.history.last())) {
			return false
		}
		if !p.pause() {
			return true
		}
	}
}

// swap is what the pump does between rounds. A line without a clock of its own
// ends in the live line.
func (p *playback) swap() bool {
	l := p.line
	if !p.hub.history.reaches(l.needed()) {
		return false
	}
	l.history.Store(p.hub.history)
	if p.pace.live() {
		l.move(p.hub.live)
	}
	return true
}

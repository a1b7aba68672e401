package fanout

import (
	"time"
)

// A pace determines when a timeline sends the events of the log: at once, with a delay, or at a
// speed. The zero pace sends events at once.
type pace struct {
	delay time.Duration // time between the read of a page and the sending of its events
	speed float64       // multiple of real time
}

// live reports whether events are sent at once.
func (p pace) live() bool { return p == pace{} }

// clock returns a clock that starts now. If the pace has a delay, the clock shows the current time
// less the delay. If the pace has a speed, the clock begins at the time from.
func (p pace) clock(from time.Time) clock {
	now := time.Now()
	if p.delay > 0 {
		return clock{began: now, from: now.Add(-p.delay), speed: 1, delayed: true}
	}
	return clock{began: now, from: from, speed: p.speed}
}

// A clock determines which frames are due. A frame is due if its page was read at or before the time
// that the clock shows. If the speed is 0, all frames are due.
type clock struct {
	began, from time.Time // at the real time began, the clock shows the time from
	speed       float64
	delayed     bool // the clock shows the current time less a delay
}

// live reports whether all frames are due at once.
func (c clock) live() bool { return c.speed == 0 }

// now returns the time that the clock shows. For a live clock, it returns the zero time.
func (c clock) now() time.Time {
	if c.live() {
		return time.Time{}
	}
	return c.from.Add(time.Duration(float64(time.Since(c.began)) * c.speed))
}

// kind returns the kind of a timeline with this clock.
func (c clock) kind() kind {
	switch {
	case c.live():
		return immediate
	case c.delayed:
		return delay
	}
	return atSpeed
}

// A kind is a class of timelines. Options.Timelines bounds each kind except immediate.
type kind int

const (
	immediate kind = iota // the live timeline and shared playbacks
	delay                 // timelines with a delay
	atSpeed               // timelines with a speed
)

// until returns the real time that passes until the clock shows t, but at most an hour. The clock must
// not be live.
func (c clock) until(t time.Time) time.Duration {
	return time.Duration(min(float64(t.Sub(c.now()))/c.speed, float64(time.Hour)))
}

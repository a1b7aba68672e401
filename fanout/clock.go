package fanout

import (
	"time"
)

// A pace is how a timeline sends the events of the log: at once, with a delay, or at a speed. The
// zero pace sends them at once.
type pace struct {
	delay time.Duration
	speed float64
}

// live reports whether events are sent at once.
func (p pace) live() bool { return p == pace{} }

// clock returns a clock that starts now. If the pace has a speed, the clock shows from at its
// start.
func (p pace) clock(from time.Time) clock {
	now := time.Now()
	if p.delay > 0 {
		return clock{began: now, from: now.Add(-p.delay), speed: 1, delayed: true}
	}
	return clock{began: now, from: from, speed: p.speed}
}

// A clock determines which frames are due: those whose pages were read before the time that it
// shows. If the speed is 0, all frames are due.
type clock struct {
	began, from time.Time // the clock shows from at began
	speed       float64
	delayed     bool // the clock shows the current time less a delay
}

func (c clock) live() bool { return c.speed == 0 }

// now returns the time that the clock shows. It is zero for a live clock, which means that all
// frames are due.
func (c clock) now() time.Time {
	if c.live() {
		return time.Time{}
	}
	return c.from.Add(time.Duration(float64(time.Since(c.began)) * c.speed))
}

// kind returns the kind of timeline with this clock.
func (c clock) kind() kind {
	switch {
	case c.live():
		return immediate
	case c.delayed:
		return delay
	}
	return atSpeed
}

// A kind is a class of timelines. maxTimelines bounds each kind except immediate.
type kind int

const (
	immediate kind = iota // the live timeline and shared playbacks
	delay                 // with a delay
	atSpeed               // with a speed
)

// until returns how long it takes until the clock shows t, at most an hour.
func (c clock) until(t time.Time) time.Duration {
	return time.Duration(min(float64(t.Sub(c.now()))/c.speed, float64(time.Hour)))
}

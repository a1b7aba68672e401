package fanout

import (
	"time"
)

// A pace is when a timeline sends what is in the log: at once, with a delay, or from
// a time on at a speed.
type pace struct {
	delay time.Duration
	speed float64
}

// live reports whether everything is sent at once.
func (p pace) live() bool { return p == pace{} }

// clock returns a clock that starts now. If the pace has a speed it shows from first.
func (p pace) clock(from time.Time) clock {
	now := time.Now()
	if p.delay > 0 {
		return clock{began: now, from: now.Add(-p.delay), speed: 1, delayed: true}
	}
	return clock{began: now, from: from, speed: p.speed}
}

// A clock decides what is due: what was read by the time that it shows. Without a
// speed everything is due at once.
type clock struct {
	began, from time.Time // at began it shows from
	speed       float64
	delayed     bool // it shows the present less a delay
}

func (c clock) live() bool { return c.speed == 0 }

// now returns the time that it shows; zero, the end of time, if it is live.
func (c clock) now() time.Time {
	if c.live() {
		return time.Time{}
	}
	return c.from.Add(time.Duration(float64(time.Since(c.began)) * c.speed))
}

// kind returns which bound on timelines applies.
func (c clock) kind() kind {
	switch {
	case c.live():
		return immediate
	case c.delayed:
		return delay
	}
	return atSpeed
}

type kind int

const (
	immediate kind = iota // the live timeline, and shared playbacks, which have a bound of their own
	delay                 // of a delay
	atSpeed               // of a playback at a speed
)

// until returns how long it takes to show t, at most an hour.
func (c clock) until(t time.Time) time.Duration {
	return time.Duration(min(float64(t.Sub(c.now()))/c.speed, float64(time.Hour)))
}

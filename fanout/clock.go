package fanout

import (
	"time"
)

// A pace is how a line goes through the log: at once, some time late, or from
// some time on at some speed.
type pace struct {
	delay time.Duration
	speed float64
}

// live says that everything is told at once.
func (p pace) live() bool { return p == pace{} }

// clock starts now. from is the time that it shows first, if the pace has a speed.
func (p pace) clock(from time.Time) clock {
	now := time.Now()
	if p.delay > 0 {
		return clock{began: now, from: now.Add(-p.delay), speed: 1, late: true}
	}
	return clock{began: now, from: from, speed: p.speed}
}

// A clock says what is due to be told: what was read by the time that it shows.
// One without a speed has everything told at once.
type clock struct {
	began, from time.Time // at the one it shows the other
	speed       float64
	late        bool // it shows the time of now, less a delay
}

func (c clock) live() bool { return c.speed == 0 }

// now is the time that it shows; zero, the end of time, if it is live.
func (c clock) now() time.Time {
	if c.live() {
		return time.Time{}
	}
	return c.from.Add(time.Duration(float64(time.Since(c.began)) * c.speed))
}

// kind tells lines that are bounded apart.
func (c clock) kind() kind {
	switch {
	case c.live():
		return atOnce
	case c.late:
		return late
	}
	return playing
}

type kind int

const (
	atOnce  kind = iota // the live line, and those that catch up with it, which are bounded otherwise
	late                // of a delay
	playing             // of some time on
)

// until is how long it takes to show t, an hour at most.
func (c clock) until(t time.Time) time.Duration {
	return time.Duration(min(float64(t.Sub(c.now()))/c.speed, float64(time.Hour)))
}

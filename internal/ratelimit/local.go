package ratelimit

import "time"

// A Local is the state of one key in memory, without pauses. The caller provides the clock, so a Local
// can simulate a [Limiter]. The zero value is ready to use.
type Local struct{ next, promised time.Time }

// Reserve reserves the next free slot at the time now. It returns what [Limiter.Reserve] returns.
func (l *Local) Reserve(now time.Time, r Request) (wait time.Duration, v Verdict) {
	if r.Gap == 0 {
		return 0, Reserved
	}
	next := latest(now, l.next)
	wait = max(0, next.Sub(now)-r.Gap*time.Duration(max(r.Burst, 1)-1))
	if wait <= r.MaxWait {
		l.next = next.Add(r.Gap)
		return wait, Reserved
	}
	if !r.Queue {
		return wait, Busy
	}
	l.promised = latest(now.Add(wait), l.promised.Add(r.Gap))
	return l.promised.Sub(now), Busy
}

// latest returns the later of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

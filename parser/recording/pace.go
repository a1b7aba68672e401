package recording

import (
	"context"
	"math"
	"sync"
	"time"
)

// A Pace is the clock of a replay. Its speed can change at any time. Its methods may be called from several
// goroutines.
type Pace struct {
	mu      sync.Mutex
	speed   float64       // multiple of the recorded speed; 0 while the replay is paused
	elapsed time.Duration // recorded time that had passed at since
	since   time.Time
	changed chan struct{} // closed and replaced by Set
}

// NewPace returns a pace with a speed, which is a multiple of the recorded speed. Speed 0 pauses the replay. The time
// begins when [Replayer] begins to play.
func NewPace(speed float64) *Pace {
	return &Pace{speed: speed, since: time.Now(), changed: make(chan struct{})}
}

// Set changes the speed.
func (p *Pace) Set(speed float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.elapsed, p.since, p.speed = p.passed(), time.Now(), speed
	close(p.changed)
	p.changed = make(chan struct{})
}

// Speed returns the speed.
func (p *Pace) Speed() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.speed
}

// begin sets the time to 0.
func (p *Pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.elapsed, p.since = 0, time.Now()
}

// passed returns the recorded time that has passed. The caller holds p.mu.
func (p *Pace) passed() time.Duration {
	return p.elapsed + time.Duration(float64(time.Since(p.since))*p.speed)
}

// wait waits until the given recorded time has passed. It returns early with an error if ctx ends.
func (p *Pace) wait(ctx context.Context, until time.Duration) error {
	for {
		p.mu.Lock()
		left, speed, changed := until-p.passed(), p.speed, p.changed
		p.mu.Unlock()
		if left <= 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		var due <-chan time.Time // never, while the replay is paused
		if speed > 0 {
			due = time.After(time.Duration(min(math.Ceil(float64(left)/speed), math.MaxInt64/2)))
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
		}
	}
}

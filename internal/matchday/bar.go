package matchday

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/parser/recording"
)

// A bar serves what the page of a demo shows above the matches: the speed of the replay, and the inbox.
type bar struct {
	pace   *recording.Pace // nil if the replay has no pauses
	speeds []float64       // speeds that viewers can choose; 0 pauses the replay

	mu      sync.Mutex
	state   barState
	changed chan struct{} // closed and replaced after each change
}

// A barState is the answer to GET /demo.
type barState struct {
	Version int       `json:"version"` // differs after each change
	Speeds  []float64 `json:"speeds"`  // speeds that viewers can choose
	Speed   float64   `json:"speed"`   // multiple of the recorded speed; 0 while the replay is paused
	Ended   bool      `json:"ended"`   // whether the matches have ended
	Alerts  []alert   `json:"alerts"`  // the newest first; null if the demo has no inbox
}

// newBar returns a bar for a replay that starts with a speed. If the speed is 0, the replay has no pauses, and viewers
// cannot change the speed.
func newBar(speed float64) *bar {
	b := &bar{changed: make(chan struct{}), state: barState{Speed: speed, Speeds: []float64{}}}
	if speed > 0 {
		b.pace, b.speeds = recording.NewPace(speed), []float64{0, 1, 10, 60, speed}
		slices.Sort(b.speeds)
		b.speeds = slices.Compact(b.speeds)
		b.state.Speeds = b.speeds
	}
	return b
}

// change changes the state, and wakes the requests that wait for a change.
func (b *bar) change(f func(*barState)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.state)
	b.state.Version++
	close(b.changed)
	b.changed = make(chan struct{})
}

// end records that the matches have ended.
func (b *bar) end() { b.change(func(s *barState) { s.Ended = true }) }

// ServeHTTP answers GET with the state, and changes the speed after PUT.
func (b *bar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sameOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			b.serveState(w, r)
		case http.MethodPut:
			b.serveSpeed(w, r)
		default:
			w.Header().Set("Allow", "GET, PUT")
			problem.Write(w, http.StatusMethodNotAllowed, "want GET or PUT", "")
		}
	})).ServeHTTP(w, r)
}

// sameOrigin refuses changes that pages of other sites request.
var sameOrigin = http.NewCrossOriginProtection()

// maxPoll is the longest time that a request waits for a change.
const maxPoll = 20 * time.Second

// serveState sends the state. If the parameter after is the current version, serveState first waits for a change.
func (b *bar) serveState(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	state, changed := b.state, b.changed
	b.mu.Unlock()
	if r.URL.Query().Get("after") == strconv.Itoa(state.Version) {
		select {
		case <-changed:
		case <-time.After(maxPoll):
		case <-r.Context().Done():
			return
		}
		b.mu.Lock()
		state = b.state
		b.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(state) // an error means that the client is gone
}

// serveSpeed changes the speed of the replay for all viewers.
func (b *bar) serveSpeed(w http.ResponseWriter, r *http.Request) {
	var body struct{ Speed *float64 }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1000)).Decode(&body); err != nil || body.Speed == nil {
		problem.Write(w, http.StatusBadRequest, `want a body like {"speed": 10}`, "")
		return
	}
	if !slices.Contains(b.speeds, *body.Speed) {
		problem.Write(w, http.StatusBadRequest, "want one of the speeds that GET /demo lists", "speed")
		return
	}
	b.change(func(s *barState) {
		s.Speed = *body.Speed
		b.pace.Set(*body.Speed)
	})
	w.WriteHeader(http.StatusNoContent)
}

package fanout

import (
	"context"
	"errors"
	"fmt"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

// readLog reads the log into the history until ctx ends.
func (h *Hub) readLog(ctx context.Context) error {
	for {
		err := h.readLogOnce(ctx)
		if !errors.Is(err, broker.ErrCursorGone) {
			if err != nil {
				err = fmt.Errorf("fanout: %w", err)
			}
			return err
		}
		h.log.Warn("the event log was created again, or dropped what this node needs next: reading it from its beginning")
		if err := h.options.Checkpoints.DeleteAll(ctx); err != nil {
			h.log.Warn("old checkpoints not removed", "error", err)
		}
		h.reset()
	}
}

// readLogOnce reads the log from where the history ends. The first time it makes the
// node ready when it has read what there was.
func (h *Hub) readLogOnce(ctx context.Context) error {
	attempt, stop := context.WithCancel(ctx)
	caughtUp, ready := h.readiness()
	var notify chan<- struct{}
	becomingReady := make(chan struct{})
	if closed(caughtUp) {
		close(becomingReady)
	} else {
		notify = caughtUp
		h.goroutines.Go(func() {
			defer close(becomingReady)
			h.makeReady(attempt, caughtUp, ready)
		})
	}
	err := h.source.ReadLog(ctx, h.history.Last(), notify, func(at broker.Cursor, m broker.Message) error {
		if _, err := h.history.Append(at, m, closed(caughtUp)); err != nil {
			h.log.Debug("not an event, not framed", "key", m.Key, "cursor", at, "error", err)
		}
		h.saveCheckpoint(ctx, at)
		return nil
	})
	stop()
	<-becomingReady // the next attempt may have other channels
	return err
}

// saveCheckpoint saves a checkpoint when the latest is long enough ago, one at a time.
// It does not wait.
func (h *Hub) saveCheckpoint(ctx context.Context, at broker.Cursor) {
	if !h.options.Checkpoints.Due(h.saved, at.Offset) || !h.saving.TryLock() {
		return
	}
	h.saved = at.Offset
	c := h.history.Checkpoint()
	h.goroutines.Go(func() {
		defer h.saving.Unlock()
		if err := h.options.Checkpoints.Save(context.WithoutCancel(ctx), c); err != nil {
			h.log.Warn("checkpoint not saved", "error", err)
		}
	})
}

// makeReady makes the node ready when the live timeline has reached the end of the log.
func (h *Hub) makeReady(ctx context.Context, caughtUp <-chan struct{}, ready chan<- struct{}) {
	select {
	case <-caughtUp:
	case <-ctx.Done():
		return
	}
	last, _ := h.history.End()
	for h.live.position.Load() < eventlog.After(last) {
		select {
		case <-h.live.progress:
		case <-ctx.Done():
			return
		}
	}
	close(ready)
}

// reset empties the history. The cursors of the clients mean nothing any more:
// they reconnect, and receive a snapshot.
func (h *Hub) reset() {
	h.setUnready()
	h.history.Reset()
	h.saved = 0
	for _, t := range h.allTimelines() {
		if t == h.live {
			t.reset()
		} else {
			h.closeTimeline(t, closeGoingAway, logCreatedAgain)
		}
	}
}

// setUnready lets new clients wait until the log has been read to its end.
func (h *Hub) setUnready() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.caughtUp == nil || closed(h.caughtUp) {
		h.caughtUp = make(chan struct{})
	}
	if h.ready == nil || closed(h.ready) { // clients may wait on an open one
		h.ready = make(chan struct{})
	}
}

func (h *Hub) readiness() (caughtUp, ready chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.caughtUp, h.ready
}

func (h *Hub) isReady() bool {
	_, ready := h.readiness()
	return closed(ready)
}

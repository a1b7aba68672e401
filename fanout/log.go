package fanout

import (
	"context"
	"errors"
	"fmt"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
)

// readLog reads the log into the history until ctx ends or the log cannot be read. If the log was
// created again or lost messages, readLog resets the hub and reads the log from its beginning.
func (h *Hub) readLog(ctx context.Context) error {
	for {
		err := h.readLogOnce(ctx)
		if !errors.Is(err, broker.ErrCursorGone) {
			if err != nil {
				err = fmt.Errorf("fanout: %w", err)
			}
			return err
		}
		h.log.Warn("the event log was created again or lost messages, reading it from its beginning")
		if err := h.options.Checkpoints.DeleteAll(ctx); err != nil {
			h.log.Warn("old checkpoints not deleted", "error", err)
		}
		h.reset()
	}
}

// readLogOnce reads the log from the end of the history until ctx ends or ReadLog fails. When the
// node has caught up, the node becomes ready.
func (h *Hub) readLogOnce(ctx context.Context) error {
	attempt, stop := context.WithCancel(ctx)
	caughtUp, ready := h.readiness()
	var notify chan<- struct{}
	waited := make(chan struct{}) // closed when makeReady has returned
	if closed(caughtUp) {
		close(waited)
	} else {
		notify = caughtUp
		h.goroutines.Go(func() {
			defer close(waited)
			h.makeReady(attempt, caughtUp, ready)
		})
	}
	err := h.source.ReadLog(ctx, h.history.Last(), notify, func(at broker.Cursor, m broker.Message) error {
		if _, err := h.history.Append(at, m, closed(caughtUp)); err != nil {
			h.log.Debug("message skipped, it is not an event", "key", m.Key, "cursor", at, "error", err)
		}
		h.saveCheckpoint(ctx, at)
		return nil
	})
	stop()
	<-waited // makeReady must return before the next call, which may use other channels
	return err
}

// saveCheckpoint saves a checkpoint in the background, if one is due and no other checkpoint is being
// saved.
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

// makeReady waits until the node has caught up with the log, and the live timeline has caught up
// with the history. Then it closes ready. It returns early if ctx ends.
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

// reset empties the history and closes all clients. The cursors of the clients are no longer valid,
// so the clients receive a snapshot when they reconnect.
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

// setUnready makes new clients wait until the node has caught up with the log.
func (h *Hub) setUnready() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.caughtUp == nil || closed(h.caughtUp) {
		h.caughtUp = make(chan struct{})
	}
	if h.ready == nil || closed(h.ready) { // keep an open channel: clients may wait for it
		h.ready = make(chan struct{})
	}
}

// readiness returns h.caughtUp and h.ready.
func (h *Hub) readiness() (caughtUp, ready chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.caughtUp, h.ready
}

func (h *Hub) isReady() bool {
	_, ready := h.readiness()
	return closed(ready)
}

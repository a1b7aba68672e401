package fanout

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/filter"
	"github.com/matchwire/matchwire/fanout/internal/snapshot"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// maxDeflated is the size in bytes above which snapshots are not compressed. While the node
// compresses a snapshot, the other clients of the timeline wait.
const maxDeflated = 256 << 10

// subscribe adds a client to the timeline and sends its first frame. If cursor is nil, the first
// frame is a snapshot, and boards are states from scoreboards for the snapshot. Otherwise the client
// continues after the cursor. The outcome is retry if the timeline has ended, the node is stopping, or
// the cursor is no longer in memory. It is addressFull if the client's address uses too many timelines,
// and unavailable if the snapshot cannot be encoded.
func (t *timeline) subscribe(
	c *client, f filter.Filter, cursor *broker.Cursor, boards []*eventlog.MatchState,
) outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.history.Load()
	if t.ended || closed(t.hub.stopping) ||
		cursor != nil && h == t.hub.history && h.Find(*cursor) != eventlog.InMemory {
		return retry
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted || c.closing || c.readEnded {
		return admitted // the client has already disconnected
	}
	if !t.hold(c.address) {
		return addressFull
	}
	t.join(c.address)
	t.index.add(c, f)
	c.timeline, c.next = t, t.position.Load()
	c.notify()
	if cursor == nil {
		if err := t.sendSnapshot(c, boards); err != nil {
			t.hub.log.Error("snapshot not encoded", "error", err)
			return unavailable
		}
		return admitted
	}
	resumed := fmt.Appendf(nil, `{"cursor":"%s","resumed":true}`, cursor)
	c.send(wire.NewObject(cursor.String(), resumed).Bytes(c.codec))
	if c.next = eventlog.After(*cursor); c.next < t.position.Load() {
		c.startDrain()
	}
	return admitted
}

// unsubscribe removes a client from its timeline, if it has one.
func (c *client) unsubscribe() {
	for {
		c.mu.Lock()
		t := c.timeline
		c.mu.Unlock()
		if t == nil || t.remove(c) {
			return
		}
	}
}

// remove removes a client. It returns false if the client has moved to another timeline.
func (t *timeline) remove(c *client) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timeline != t {
		return false
	}
	if c.group != nil {
		t.index.remove(c)
		t.leave(c.address)
	}
	return true
}

// changeFilter replaces the filter of the client with the result of change, and sends a snapshot for
// the new filter. It waits until the client has a timeline. If the client is closing, changeFilter
// does nothing.
func (c *client) changeFilter(change func(filter.Filter) (filter.Filter, error)) error {
	for {
		t := c.awaitTimeline()
		if t == nil {
			return nil
		}
		boards := t.readBoards(c, change)
		if moved, err := t.changeFilter(c, change, boards); !moved {
			return err
		}
	}
}

// readBoards returns the states from scoreboards for the snapshot of a client after a change to its
// filter. It reads them in a new goroutine, because a read needs a larger stack than the goroutine of
// an idle connection has.
func (t *timeline) readBoards(
	c *client, change func(filter.Filter) (filter.Filter, error),
) (boards []*eventlog.MatchState) {
	f, err := filter.Filter{Nothing: true}, error(nil)
	t.mu.Lock()
	if c.group != nil {
		f, err = change(c.group.filter)
	}
	t.mu.Unlock()
	if err != nil || len(snapshot.Missing(eventlog.States{}, f)) == 0 {
		return nil
	}
	done := make(chan struct{})
	if t.hub.start(func(ctx context.Context) { defer close(done); boards = t.hub.readBoards(ctx, f) }) {
		<-done
	}
	return boards
}

// readBoards returns the states from scoreboards of the matches that a filter names, if a live snapshot
// would lack the match or some of its incidents.
func (h *Hub) readBoards(ctx context.Context, f filter.Filter) []*eventlog.MatchState {
	h.live.mu.Lock()
	missing := snapshot.Missing(h.live.states, f)
	h.live.mu.Unlock()
	return h.boards.Get(ctx, missing)
}

// awaitTimeline waits until the client has a timeline, and returns the timeline. It returns nil if
// the client is closing or aborted.
func (c *client) awaitTimeline() *timeline {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.timeline == nil && !c.closing && !c.aborted {
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed := c.changed
		c.mu.Unlock()
		<-changed
		c.mu.Lock()
	}
	if c.closing || c.aborted {
		return nil
	}
	return c.timeline
}

// notify wakes all callers that wait in awaitTimeline. mu is held.
func (c *client) notify() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// changeFilter is client.changeFilter for a client of this timeline. If the client has moved to
// another timeline, changeFilter does nothing and moved is true. boards are states from scoreboards
// for the snapshot.
func (t *timeline) changeFilter(
	c *client, change func(filter.Filter) (filter.Filter, error), boards []*eventlog.MatchState,
) (moved bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timeline != t {
		return true, nil
	}
	if c.group == nil {
		return false, nil // the client has disconnected
	}
	f, err := change(c.group.filter)
	if err != nil {
		return false, err
	}
	t.index.remove(c)
	t.index.add(c, f)
	return false, t.sendSnapshot(c, boards)
}

// sendSnapshot sends a snapshot of the matches that the filter of a client selects. If the client is
// ahead of the timeline, the snapshot is at the client's position. Otherwise the snapshot is at the
// position of the timeline, where the client continues. boards are states from scoreboards. t.mu and
// c.mu are held.
func (t *timeline) sendSnapshot(c *client, boards []*eventlog.MatchState) (err error) {
	var s *wire.Object
	if position := t.position.Load(); c.next > position {
		at := t.history.Load().AtPosition(c.next)
		s, err = snapshot.Snapshot{States: at.States, At: at.Last, Filter: c.group.filter, Boards: boards,
			Shows: t.clock.now()}.Encode()
	} else {
		c.next = position
		s, err = t.snapshot(c.group, boards)
	}
	if err != nil {
		return err
	}
	if len(s.JSON()) > maxDeflated && c.codec == wire.Deflated {
		c.send(s.Bytes(wire.Plain))
	} else {
		c.send(s.Bytes(c.codec))
	}
	return nil
}

// snapshot returns the snapshot for a group at the position of the timeline. The group caches the
// latest snapshot without boards. mu is held.
func (t *timeline) snapshot(g *group, boards []*eventlog.MatchState) (*wire.Object, error) {
	position := t.position.Load()
	if len(boards) == 0 && g.snapshot != nil && g.snapshotAt == position {
		return g.snapshot, nil
	}
	s, err := snapshot.Snapshot{States: t.states, At: t.last, Filter: g.filter, Boards: boards,
		Shows: t.clock.now()}.Encode()
	if err == nil && len(boards) == 0 {
		g.snapshot, g.snapshotAt = s, position
	}
	return s, err
}

// resync sends a snapshot to a client that was too slow. It does nothing if the client has moved to
// another timeline.
func (t *timeline) resync(c *client) {
	boards := t.readBoards(c, func(f filter.Filter) (filter.Filter, error) { return f, nil })
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timeline != t {
		return // drain then calls resync of the other timeline
	}
	if c.stale = false; c.group == nil {
		return
	}
	if err := t.sendSnapshot(c, boards); err != nil {
		t.hub.log.Error("snapshot not encoded", "error", err)
		c.abort(endBroken)
	}
}

// moveTo moves all clients to another timeline and ends t. The history of the other timeline must
// have all frames that the clients still need. Call moveTo between rounds only.
func (t *timeline) moveTo(to *timeline) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, c := range t.index.list() {
		c.mu.Lock()
		if !c.draining {
			c.next = max(c.next, t.position.Load())
		}
		f := c.group.filter
		t.index.remove(c)
		to.index.add(c, f)
		c.timeline = to
		c.startDrain()
		c.mu.Unlock()
	}
	t.ended = true
}

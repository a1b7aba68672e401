package fanout

import (
	"runtime"
	"sync"
	"time"

	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// roundBuffers holds the buffers of a round, which the next round reuses.
type roundBuffers struct {
	frames    []*eventlog.Frame
	receivers []int    // for each frame, the number of clients whose filters select it
	groups    []*group // groups whose filters select any of the frames
	batches   []*batch // one for each group, and then unused batches
	targets   []target // all clients of the groups
}

// round sends the frames that are due, up to a limit. more reports whether further frames are due. If
// more is false, wait is the time until the next frame is due, or 0 if there is no next frame. If the
// next frame is no longer in memory, round calls fallBehind.
func (t *timeline) round() (more bool, wait time.Duration) {
	began := time.Now()
	t.mu.Lock()
	b := &t.buffers
	frames, position, due, ok := t.history.Load().Due(b.frames[:0], t.position.Load(), t.clock.now())
	if !ok {
		t.fallBehind()
		t.mu.Unlock()
		return t == t.hub.live, 0
	}
	b.frames = frames
	if len(frames) == 0 {
		t.mu.Unlock()
	} else {
		t.gather(frames, position)
		t.mu.Unlock()
		spread(b.targets, t.allowSlow)
		t.hub.recordRound(t, frames, b.receivers, began)
		b.clear()
	}
	switch {
	case due.IsZero():
		return false, 0
	case t.clock.live() || !due.After(t.clock.now()):
		return true, 0
	}
	return false, max(t.clock.until(due), time.Millisecond)
}

// gather advances the timeline to position, past the frames, and collects the clients whose filters
// select any of the frames. mu is held.
func (t *timeline) gather(frames []*eventlog.Frame, position uint64) {
	b := &t.buffers
	for _, f := range frames {
		if f.State != nil {
			t.states.Put(f.State)
		}
		receivers := 0
		t.index.find(f.Key, f.Match, func(g *group) {
			if g.batch == nil {
				g.batch = b.nextBatch()
				b.groups = append(b.groups, g)
			}
			g.batch.frames = append(g.batch.frames, f)
			receivers += g.size()
		})
		b.receivers = append(b.receivers, receivers)
	}
	t.last = frames[len(frames)-1].Cursor
	t.position.Store(position)
	for _, g := range b.groups {
		b.targets = g.batch.seal(g, b.targets)
		g.batch = nil
	}
}

// nextBatch returns an empty batch for the next group.
func (b *roundBuffers) nextBatch() *batch {
	if len(b.groups) == len(b.batches) {
		b.batches = append(b.batches, &batch{})
	}
	return b.batches[len(b.groups)]
}

// clear empties the buffers but keeps their memory.
func (b *roundBuffers) clear() {
	for _, used := range b.batches[:len(b.groups)] {
		used.clear()
	}
	clear(b.frames)
	clear(b.targets)
	clear(b.groups)
	b.targets, b.groups, b.receivers = b.targets[:0], b.groups[:0], b.receivers[:0]
}

// A batch holds the frames of a round for one group.
type batch struct {
	frames      []*eventlog.Frame
	first, last uint64              // log offsets of the first and the last frame
	bytes       [wire.Codecs][]byte // all frames, encoded for the codecs that the group uses
	buffers     [wire.Codecs][]byte // memory for bytes, which the next round reuses
}

// A target is a client and its batch.
type target struct {
	client *client
	batch  *batch
}

// seal encodes a complete batch and appends the clients of its group to targets. It returns targets.
// timeline.mu is held.
func (b *batch) seal(g *group, targets []target) []target {
	b.first, b.last = b.frames[0].Cursor.Offset, b.frames[len(b.frames)-1].Cursor.Offset
	for c, members := range g.members {
		if len(members) > 0 {
			b.encode(wire.Codec(c))
		}
		for _, m := range members {
			targets = append(targets, target{m, b})
		}
	}
	return targets
}

// encode sets b.bytes[c] to the concatenated frames.
func (b *batch) encode(c wire.Codec) {
	if len(b.frames) == 1 {
		b.bytes[c] = b.frames[0].Object.Bytes(c)
		return
	}
	b.buffers[c] = b.buffers[c][:0]
	for _, f := range b.frames {
		b.buffers[c] = f.Object.Append(b.buffers[c], c)
	}
	b.bytes[c] = b.buffers[c]
}

// clear empties the batch but keeps its memory.
func (b *batch) clear() {
	clear(b.frames)
	b.frames = b.frames[:0]
	b.bytes = [wire.Codecs][]byte{}
}

// spread delivers the batches to all targets. Each delivery is a system call that takes a few
// microseconds, so spread uses several goroutines if there are many targets.
func spread(targets []target, allowSlow bool) {
	const perGoroutine = 256
	parts := max(1, min(runtime.GOMAXPROCS(0)/2, len(targets)/perGoroutine)) // leaves processors for reading
	size := (len(targets) + parts - 1) / parts
	var others sync.WaitGroup
	for len(targets) > size {
		part := targets[:size]
		targets = targets[size:]
		others.Go(func() { deliver(part, allowSlow) })
	}
	deliver(targets, allowSlow)
	others.Wait()
}

// deliver delivers the batch of each target to its client.
func deliver(targets []target, allowSlow bool) {
	for _, t := range targets {
		t.client.deliver(t.batch, allowSlow)
	}
}

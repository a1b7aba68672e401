package fanout

import (
	"runtime"
	"sync"
	"time"

	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// roundBuffers are what a round needs, kept for the next.
type roundBuffers struct {
	frames  []*eventlog.Frame
	wanting []int    // how many clients want each frame
	groups  []*group // that want any of them
	batches []*batch // one for each group, and spare ones
	targets []target // all clients of the groups
}

// round sends the frames that are due. more says that others are due too. If none
// is, wait is how long it takes until one is, 0 if there is none.
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
		spread(b.targets, t.patient)
		t.hub.recordRound(t, frames, b.wanting, began)
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

// gather moves the timeline on by some frames, and finds the clients that want them.
// mu is held.
func (t *timeline) gather(frames []*eventlog.Frame, position uint64) {
	b := &t.buffers
	for _, f := range frames {
		if f.State != nil {
			t.states.Put(f.State)
		}
		wanting := 0
		t.index.find(f.Key, f.Match, func(g *group) {
			if g.batch == nil {
				g.batch = b.nextBatch()
				b.groups = append(b.groups, g)
			}
			g.batch.frames = append(g.batch.frames, f)
			wanting += g.size()
		})
		b.wanting = append(b.wanting, wanting)
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

// clear drops the contents and keeps the memory.
func (b *roundBuffers) clear() {
	for _, one := range b.batches[:len(b.groups)] {
		one.clear()
	}
	clear(b.frames)
	clear(b.targets)
	clear(b.groups)
	b.targets, b.groups, b.wanting = b.targets[:0], b.groups[:0], b.wanting[:0]
}

// A batch is the frames of a round for one group.
type batch struct {
	frames      []*eventlog.Frame
	first, last uint64              // offsets
	bytes       [wire.Codecs][]byte // of all frames, for the codecs of the group's clients
	buffers     [wire.Codecs][]byte
}

// A target is a client and its batch.
type target struct {
	client *client
	batch  *batch
}

// seal encodes a complete batch, and appends its clients to targets. The timeline's
// mu is held.
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

// encode concatenates the frames, once for all clients.
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

// clear drops the contents and keeps the memory.
func (b *batch) clear() {
	clear(b.frames)
	b.frames = b.frames[:0]
	b.bytes = [wire.Codecs][]byte{}
}

// spread writes to all targets. Many are shared among goroutines: each write is a
// system call of some microseconds.
func spread(targets []target, patient bool) {
	const perGoroutine = 256
	parts := max(1, min(runtime.GOMAXPROCS(0)/2, len(targets)/perGoroutine)) // leave processors for the readers
	size := (len(targets) + parts - 1) / parts
	var others sync.WaitGroup
	for len(targets) > size {
		part := targets[:size]
		targets = targets[size:]
		others.Go(func() { deliver(part, patient) })
	}
	deliver(targets, patient)
	others.Wait()
}

func deliver(targets []target, patient bool) {
	for _, t := range targets {
		t.client.deliver(t.batch, patient)
	}
}

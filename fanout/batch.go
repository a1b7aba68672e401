package fanout

import (
	"runtime"
	"sync"
)

// A batch is what a round has for one group.
type batch struct {
	frames      []*frame
	first, last uint64         // offsets
	texts       [codecs][]byte // of all frames, for the codecs of the group's clients
	scratch     [codecs][]byte
}

// A target is a client and what a round has for it.
type target struct {
	client *client
	batch  *batch
}

// seal ends a batch, encodes it, and adds those who are to have it to targets.
// The line's mu is held.
func (b *batch) seal(g *group, targets []target) []target {
	b.first, b.last = b.frames[0].cursor.Offset, b.frames[len(b.frames)-1].cursor.Offset
	for c, members := range g.members {
		if len(members) > 0 {
			b.encode(codec(c))
		}
		for _, m := range members {
			targets = append(targets, target{m, b})
		}
	}
	return targets
}

// spread writes to all targets. Many are shared out: a write is a call of the
// kernel, and takes microseconds.
func spread(targets []target, patient bool) {
	const worth = 256                                                 // of a goroutine
	parts := max(1, min(runtime.GOMAXPROCS(0)/2, len(targets)/worth)) // the others have work too
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

// reset keeps nothing but room.
func (b *batch) reset() {
	clear(b.frames)
	b.frames = b.frames[:0]
	b.texts = [codecs][]byte{}
}

// encode makes the bytes of all frames, once for all clients.
func (b *batch) encode(c codec) {
	if len(b.frames) == 1 {
		b.texts[c] = b.frames[0].text.bytes(c)
		return
	}
	b.scratch[c] = b.scratch[c][:0]
	for _, f := range b.frames {
		b.scratch[c] = f.text.append(b.scratch[c], c)
	}
	b.texts[c] = b.scratch[c]
}

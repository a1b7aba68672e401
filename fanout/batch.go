package fanout

// A batch is what a round has for one group.
type batch struct {
	group       *group
	frames      []*frame
	first, last uint64 // offsets
	clients     [codecs][]*client
	texts       [codecs][]byte // of all frames, once somebody wants them
	scratch     [codecs][]byte
}

// seal notes who is to have the batch. The line's mu is held.
func (b *batch) seal() {
	b.first, b.last = b.frames[0].cursor.Offset, b.frames[len(b.frames)-1].cursor.Offset
	for c := range b.clients {
		b.clients[c] = append(b.clients[c], b.group.members[c]...)
	}
	b.group.batch, b.group = nil, nil
}

func (b *batch) deliver(patient bool) {
	for _, clients := range b.clients {
		for _, c := range clients {
			c.deliver(b, patient)
		}
	}
}

// reset keeps nothing but room.
func (b *batch) reset() {
	clear(b.frames)
	b.frames = b.frames[:0]
	for c := range b.clients {
		clear(b.clients[c])
		b.clients[c] = b.clients[c][:0]
		b.texts[c] = nil
	}
}

// bytes are the frames as they go out, encoded once for all clients.
func (b *batch) bytes(c codec) []byte {
	if b.texts[c] != nil {
		return b.texts[c]
	}
	if len(b.frames) == 1 {
		b.texts[c] = b.frames[0].text.bytes(c)
		return b.texts[c]
	}
	b.scratch[c] = b.scratch[c][:0]
	for _, f := range b.frames {
		b.scratch[c] = f.text.append(b.scratch[c], c)
	}
	b.texts[c] = b.scratch[c]
	return b.texts[c]
}

func (b *batch) size(c codec) int { return len(b.bytes(c)) }

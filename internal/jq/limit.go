package jq

import (
	"context"
	"fmt"
	"runtime/metrics"
)

// A Limit bounds one run of a jq program.
type Limit struct {
	Steps int    // maximum number of instructions
	Heap  uint64 // maximum growth of the heap of the process during the run, in bytes
	Every int    // number of instructions between two checks
	// Check, if not nil, is called at each check. If it returns an error, the program stops.
	Check func() error
}

// Context returns a context for one run of a program. It ends when ctx ends, or when the program
// exceeds the limit. gojq calls Done before each instruction, so Done counts the instructions.
func (l Limit) Context(ctx context.Context) context.Context {
	return &limited{Context: ctx, limit: l}
}

type limited struct {
	context.Context
	limit Limit
	steps int
	heap  uint64 // at the first check
	now   [1]metrics.Sample
	err   error
}

// closed is a closed channel.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (l *limited) Done() <-chan struct{} {
	l.steps++
	if l.steps%l.limit.Every == 0 && l.err == nil {
		l.check()
	}
	if l.err != nil {
		return closed
	}
	return nil
}

// check sets err if the program must end.
func (l *limited) check() {
	l.now[0].Name = "/memory/classes/heap/objects:bytes"
	metrics.Read(l.now[:])
	heap := l.now[0].Value.Uint64()
	if l.heap == 0 {
		l.heap = heap
	}
	if l.limit.Check != nil {
		l.err = l.limit.Check()
	}
	switch {
	case l.err != nil:
	case l.Context.Err() != nil:
		l.err = context.Cause(l.Context)
	case l.steps > l.limit.Steps:
		l.err = fmt.Errorf("the query needs more than %.3g million instructions", float64(l.limit.Steps)/1e6)
	case heap > l.heap+l.limit.Heap:
		l.err = fmt.Errorf("the query needs more than %d MiB", l.limit.Heap>>20)
	}
}

func (l *limited) Err() error { return l.err }

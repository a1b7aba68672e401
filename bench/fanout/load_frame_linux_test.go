package main

import (
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// If the send buffer accepts only a part of the answer, the error is a short write.
func TestAnswerReportsShortWrites(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	s := &socket{fd: pipe[1]}
	if err := answer(s, opPong, []byte("x")); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, 1<<20) // more than a pipe holds
	if err := answer(s, opPong, payload); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("an answer that does not fit: error %v, want a short write", err)
	}
	if err := answer(s, opPong, payload); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("an answer while the buffer is full: error %v, want EAGAIN", err)
	}
}

package outbox_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/testenv"
)

// While a replica is connected but does not have the messages, they stay in the outbox: the replica could
// take over without them.
func TestUnconfirmedMessagesStay(t *testing.T) {
	group := testenv.OwnSentinels(t)
	r, err := redisclient.New(group.URL, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := outbox.NewStore(r, "mw:")
	write(t, s, r, "match", "a")
	group.Nodes[1].Freeze()
	log := slog.New(slog.DiscardHandler)
	err = outbox.NewRelay(s, memory.New(nil, log), nil, log).Flush(t.Context(), "match")
	if !errors.Is(err, redisclient.ErrNotConfirmed) {
		t.Errorf("Flush: %v, want ErrNotConfirmed", err)
	}
	if n := r.LLen(t.Context(), s.Key("match")).Val(); n != 1 {
		t.Errorf("%d messages are in the outbox, want 1: none is published", n)
	}
}

package scoreboard_test

import (
	"errors"
	"testing"
	"time"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/internal/redisclient"
	"github.com/matchwire/matchwire/internal/testenv"
)

// An event is handled only when a replica has its board. Otherwise the board would stay old if the replica
// took over.
func TestBoardWaitsForTheReplica(t *testing.T) {
	group := testenv.OwnSentinels(t)
	r, err := redisclient.New(group.URL, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := scoreboard.New(host(r))
	if err != nil {
		t.Fatal(err)
	}
	handle(t, c, goal(t, "e", 1, 1, 0))
	group.Nodes[1].Freeze()
	if err := c.Handle(t.Context(), goal(t, "e", 2, 2, 0)); !errors.Is(err, redisclient.ErrNotConfirmed) {
		t.Errorf("with a frozen replica: %v, want ErrNotConfirmed", err)
	}
}

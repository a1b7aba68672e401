package memory_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker/brokertest"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
)

func TestContract(t *testing.T) {
	brokertest.RunInBubble(t, func(_ *testing.T, pauses []time.Duration) func() event.Broker {
		b := memory.New(pauses, nil)
		return func() event.Broker { return b }
	})
}

package memory_test

import (
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/brokertest"
	"github.com/matchwire/matchwire/broker/memory"
)

func TestContract(t *testing.T) {
	brokertest.RunInBubble(t, func(_ *testing.T, pauses []time.Duration) func() broker.Broker {
		b := memory.New(pauses, nil)
		return func() broker.Broker { return b }
	})
}

package rabbit_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/testenv"
)

// Health reports an issue as long as the broker refuses all declarations of the user.
func TestHealthReportsRefusedDeclarations(t *testing.T) {
	t.Parallel()
	node := testenv.OwnRabbit(t, 1)[0]
	permit := func(configure string) {
		t.Helper()
		if out, err := node.Ctl("set_permissions", "limited", configure, ".*", ".*"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if out, err := node.Ctl("add_user", "limited", "secret"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	permit("")
	b := open(t, strings.Replace(node.URL, "guest:guest", "limited:secret", 1), rabbit.Options{})
	down := func(text string) bool {
		return slices.ContainsFunc(b.Health(t.Context()), func(i health.Issue) bool {
			return i.Down && strings.Contains(i.Text, text)
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Subscribe(ctx, broker.Subscription{Queue: "q", Patterns: []string{"#"}},
			func(context.Context, broker.Message) error { return nil })
	}()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "an issue about the queue", func() bool { return down(`unable to consume queue "q" since`) })
	permit(".*")
	eventually(t, "no issues", func() bool { return b.Health(t.Context()) == nil })
}

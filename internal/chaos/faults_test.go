package chaos

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// A fault happens to a world, and is over when do returns.
type fault struct {
	name string
	do   func(*world)

	forgets bool // what Redis held is gone
	breaks  int  // how often it takes the broker or their lives from the consumers: what they are sending then may be sent again
}

func (w *world) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(w.rand.Int64N(int64(most-least))))
}

// restarted starts a server again after a while.
func (w *world) restart(s *servers.Server) {
	w.pause(time.Second, 4*time.Second)
	if err := s.Start(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) ctl(args ...string) {
	if _, err := w.nodes[0].Ctl(args...); err != nil {
		w.Fatal(err)
	}
}

// waiting counts the messages in queues, those that are being handled included.
func (w *world) waiting(queues ...string) (n int) {
	said, err := w.nodes[0].Ctl("list_queues", "--silent", "name", "messages")
	if err != nil {
		w.Fatal(err)
	}
	for l := range strings.Lines(said) {
		if f := strings.Fields(l); len(f) == 2 && slices.Contains(queues, f[0]) {
			k, _ := strconv.Atoi(f[1])
			n += k
		}
	}
	return n
}

// leader is the node that leads most of the queues and streams.
func (w *world) leader() *servers.Rabbit {
	said, err := w.nodes[0].Ctl("list_queues", "--silent", "leader")
	if err != nil {
		w.Fatal(err)
	}
	return slices.MaxFunc(w.nodes, func(a, b *servers.Rabbit) int {
		return strings.Count(said, a.Node) - strings.Count(said, b.Node)
	})
}

// replicated checks that all that is declared stands on every node.
func (w *world) replicated() {
	w.Helper()
	said, err := w.nodes[0].Ctl("list_queues", "--silent", "name", "members")
	if err != nil {
		w.Fatal(err)
	}
	queues := 0
	for line := range strings.Lines(said) {
		queues++
		for _, n := range w.nodes {
			if !strings.Contains(line, n.Node) {
				w.Errorf("%s has no member of %s", n.Node, line)
			}
		}
	}
	if queues < 3 {
		w.Errorf("%d queues:\n%s", queues, said)
	}
}

var (
	nothing      = fault{name: "nothing", do: func(*world) {}}
	brokerKilled = fault{name: "broker killed", breaks: 1, do: func(w *world) {
		w.nodes[0].Kill()
		w.restart(w.nodes[0].Server)
	}}
	networkCut = fault{name: "network cut", breaks: 3, do: func(w *world) {
		for range 3 {
			w.amqpNet[0].Down()
			w.redisNet.Cut()
			w.pause(200*time.Millisecond, 2*time.Second)
			w.amqpNet[0].Up()
			w.pause(0, time.Second)
		}
	}}
	networkStalled = fault{name: "network stalled", breaks: 1, do: func(w *world) {
		w.amqpNet[0].Stall()
		w.pause(3*time.Second, 8*time.Second)
		w.amqpNet[0].Flow()
		w.redisNet.Stall()
		w.pause(3*time.Second, 8*time.Second)
		w.redisNet.Flow()
	}}
	networkSlow = fault{name: "network slow", do: func(w *world) {
		w.amqpNet[0].Slow(50 * time.Millisecond)
		w.redisNet.Slow(5 * time.Millisecond)
		w.pause(3*time.Second, 8*time.Second)
		w.amqpNet[0].Flow()
		w.redisNet.Flow()
	}}
	redisKilled = fault{name: "Redis killed", do: func(w *world) {
		w.redis.Kill()
		w.restart(w.redis)
	}}
	redisLost = fault{name: "Redis lost empty", forgets: true, breaks: 1, do: func(w *world) {
		w.redis.Kill()
		if err := servers.Forget(w.redis); err != nil {
			w.Fatal(err)
		}
		w.restart(w.redis)
	}}
	parserKilled = fault{name: "parser killed", do: func(w *world) {
		w.parser.kill()
		w.pause(0, 3*time.Second)
		w.parser.start("parser ready")
	}}
	consumersKilled = fault{name: "consumers killed", breaks: 1, do: func(w *world) {
		w.consumers[0].kill()
		w.pause(0, 3*time.Second)
		w.consumers[0].start("consumer=scoreboard keys")
		w.consumers[1].kill()
		w.consumers[1].start("consumer=scoreboard keys")
	}}
	fanoutKilled = fault{name: "fanout killed", do: func(w *world) {
		w.fanout.kill()
		w.pause(0, 3*time.Second)
		w.fanout.start("msg=serving")
	}}
	leaderKilled = fault{name: "leader node killed", breaks: 1, do: func(w *world) {
		leader := w.leader()
		w.replicated()
		leader.Kill()
		killed := time.Now()
		for _, l := range []*ledger{w.log, w.socket, w.hook} {
			w.until("events while a node is away", func() bool { return l.newest().After(killed.Add(2 * time.Second)) })
		}
		w.Logf("events at every receiver %.1f s after the leader's end", time.Since(killed).Seconds())
		if err := leader.Start(); err != nil {
			w.Fatal(err)
		}
	}}
	diskAlarm = fault{name: "disk alarm", do: func(w *world) {
		w.ctl("set_disk_free_limit", "1000000GB")
		w.pause(3*time.Second, 8*time.Second)
		w.ctl("set_disk_free_limit", "50MB")
	}}
)

package chaos

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// A fault is a failure of a server, the network or a process. do causes the fault and returns when
// the fault has ended.
type fault struct {
	name string
	do   func(*world)

	late     time.Duration // how late a notification may be, in addition to the length of the fault
	recover  time.Duration // longest permitted time to recover; recoverWithin if it is 0
	dataLost bool          // whether Redis loses its data
	// repeats is how many times each consumer process may repeat the notifications that it was sending.
	// A process repeats them if it was killed, or if it could not reach Redis for a long time.
	repeats int
}

// Values of fault.late.
const (
	afterStall = 5 * time.Second
	afterDeath = 15 * time.Second // includes the time until the leases of a killed process expire
)

// pause sleeps for a random time between least and most.
func (w *world) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(w.rand.Int64N(int64(most-least))))
}

// restart restarts a server after a random pause.
func (w *world) restart(s *servers.Server) {
	w.pause(time.Second, 4*time.Second)
	if err := s.Start(); err != nil {
		w.Fatal(err)
	}
}

// ctl runs rabbitmqctl on the first node.
func (w *world) ctl(args ...string) {
	if _, err := w.nodes[0].Ctl(args...); err != nil {
		w.Fatal(err)
	}
}

// waiting returns the number of messages in queues, including unacknowledged messages. rabbitmqctl can fail while
// the node is busy, so waiting tries several times.
func (w *world) waiting(queues ...string) (n int) {
	var out string
	var err error
	for range 5 {
		if out, err = w.nodes[0].Ctl("list_queues", "--silent", "name", "messages"); err == nil {
			break
		}
	}
	if err != nil {
		w.Fatal(err)
	}
	for l := range strings.Lines(out) {
		if f := strings.Fields(l); len(f) == 2 && slices.Contains(queues, f[0]) {
			k, _ := strconv.Atoi(f[1])
			n += k
		}
	}
	return n
}

// leader returns the node that is the leader of the most queues and streams.
func (w *world) leader() *servers.Rabbit {
	out, err := w.nodes[0].Ctl("list_queues", "--silent", "leader")
	if err != nil {
		w.Fatal(err)
	}
	return slices.MaxFunc(w.nodes, func(a, b *servers.Rabbit) int {
		return strings.Count(out, a.Node) - strings.Count(out, b.Node)
	})
}

// checkReplicated fails the test unless every queue and stream has a member on every node.
func (w *world) checkReplicated() {
	w.Helper()
	out, err := w.nodes[0].Ctl("list_queues", "--silent", "name", "members")
	if err != nil {
		w.Fatal(err)
	}
	queues := 0
	for line := range strings.Lines(out) {
		queues++
		for _, n := range w.nodes {
			if !strings.Contains(line, n.Node) {
				w.Errorf("node %s has no member of queue %s", n.Node, line)
			}
		}
	}
	if queues < 3 {
		w.Errorf("found %d queues, want at least 3:\n%s", queues, out)
	}
}

var (
	nothing      = fault{name: "nothing", late: afterStall, do: func(*world) {}}
	brokerKilled = fault{name: "broker killed", late: afterDeath, do: func(w *world) {
		w.nodes[0].Kill()
		w.restart(w.nodes[0].Server)
	}}
	networkCut = fault{name: "network cut", late: afterStall, do: func(w *world) {
		for range 3 {
			w.amqpNet[0].Down()
			w.redisNet.Cut()
			w.pause(200*time.Millisecond, 2*time.Second)
			w.amqpNet[0].Up()
			w.pause(0, time.Second)
		}
	}}
	networkStalled = fault{name: "network stalled", late: afterStall, repeats: 1, do: func(w *world) {
		w.amqpNet[0].Stall()
		w.pause(3*time.Second, 8*time.Second)
		w.amqpNet[0].Flow()
		w.redisNet.Stall()
		w.pause(3*time.Second, 8*time.Second)
		w.redisNet.Flow()
	}}
	networkSlow = fault{name: "network slow", late: afterStall, do: func(w *world) {
		w.amqpNet[0].Slow(50 * time.Millisecond)
		w.redisNet.Slow(5 * time.Millisecond)
		w.pause(3*time.Second, 8*time.Second)
		w.amqpNet[0].Flow()
		w.redisNet.Flow()
	}}
	repliesLost = fault{name: "replies of Redis lost", late: afterStall, do: func(w *world) {
		w.redisNet.LoseReplies(3)
		w.pause(3*time.Second, 8*time.Second)
		w.redisNet.LoseReplies(0)
	}}
	redisKilled = fault{name: "Redis killed", late: afterDeath, do: func(w *world) {
		w.redis.Kill()
		w.restart(w.redis)
	}}
	redisLost = fault{name: "data of Redis lost", late: afterDeath, dataLost: true, repeats: 1, do: func(w *world) {
		w.redis.Kill()
		if err := servers.RemoveRedisData(w.redis); err != nil {
			w.Fatal(err)
		}
		w.restart(w.redis)
	}}
	// If an event was retried while no master was known, its next attempt is up to half a minute later.
	masterKilled = fault{name: "Redis master killed", late: time.Minute, recover: time.Minute, repeats: 1, do: killMaster}
	parserKilled = fault{name: "parser killed", late: afterDeath, do: func(w *world) {
		w.parser.kill()
		w.pause(0, 3*time.Second)
		w.parser.start(parserReady)
	}}
	consumersKilled = fault{name: "consumers killed", late: afterDeath, repeats: 1, do: func(w *world) {
		w.consumers[0].kill()
		w.pause(0, 3*time.Second)
		w.consumers[0].start(consumersReady)
		w.consumers[1].kill()
		w.consumers[1].start(consumersReady)
	}}
	fanoutKilled = fault{name: "fanout killed", late: afterDeath, do: func(w *world) {
		w.fanout.kill()
		w.pause(0, 3*time.Second)
		w.fanout.start(fanoutReady)
	}}
	leaderKilled = fault{name: "leader node killed", late: afterDeath, do: func(w *world) {
		leader := w.leader()
		w.checkReplicated()
		leader.Kill()
		killed := time.Now()
		for _, l := range []*ledger{w.log, w.socket, w.hook} {
			w.until("events while a node is down", func() bool { return l.newest().After(killed.Add(2 * time.Second)) })
		}
		w.Logf("every receiver has new events %.1f s after the leader was killed", time.Since(killed).Seconds())
		if err := leader.Start(); err != nil {
			w.Fatal(err)
		}
	}}
	diskAlarm = fault{name: "disk alarm", late: afterStall, do: func(w *world) {
		w.ctl("set_disk_free_limit", "1000000GB")
		w.pause(3*time.Second, 8*time.Second)
		w.ctl("set_disk_free_limit", "50MB")
	}}
)

// killMaster kills a random Redis master, waits until its replica has taken over, and starts the killed
// server again.
func killMaster(w *world) {
	masters := w.group.Masters(w.Context())
	master := w.group.Nodes[masters[w.rand.IntN(len(masters))]]
	master.Kill()
	w.until("another master", func() bool { return len(w.group.Masters(w.Context())) == len(masters) })
	w.pause(3*time.Second, 8*time.Second)
	if err := master.Start(); err != nil {
		w.Fatal(err)
	}
	w.until("the killed master to be a replica", func() bool {
		return len(w.group.Masters(w.Context())) == len(masters)
	})
}

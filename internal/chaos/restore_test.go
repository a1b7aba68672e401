package chaos

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// Redis is restored from a backup as docs/operations.md describes it, in the middle of matches. The events after
// the backup are published again, at new positions. None is lost at a client or as
// an alert, and the scoreboards are right.
func TestRestoredBackup(t *testing.T) {
	parallel(t)
	w := newWorld(t, 1, seed(t))
	w.size = wave{name: "restored", matches: 2, rows: 40, step: 2}
	w.waves = append(w.waves, w.size)
	w.watch()
	w.site.play(w.size)
	w.startRoles()
	w.until("the matches to begin", func() bool { return w.site.progress() > 0.1 })
	backup := filepath.Join(t.TempDir(), "backup.rdb")
	w.command("redis-cli", "-u", w.redis.URL, "--rdb", backup)
	at := w.site.progress()
	w.site.moveFirstRow(true) // its correction is not repeated, so later events get other positions than before
	w.until("events after the backup", func() bool { return w.site.progress() > at+0.2 })
	w.site.moveFirstRow(false)

	all := []*process{w.parser, w.consumers[0], w.consumers[1], w.fanout}
	for _, r := range all {
		r.stop()
	}
	w.redis.Kill()
	w.restoreRedis(backup)
	if out := w.matchwire("restored"); !strings.Contains(out, fmt.Sprint("new epochs for ", slots*w.size.matches)) {
		t.Errorf("matchwire restored prints %q, want that %d matches have new epochs", out, slots*w.size.matches)
	}
	w.startRoles()

	for what, l := range map[string]*ledger{"event log": w.log, "WebSocket client": w.socket, "webhook": w.hook} {
		w.until("every incident at the "+what, func() bool { return len(l.of(w.size).missing) == 0 })
		c := l.of(w.size)
		t.Logf("%s: %d incidents, %d events came twice", what, c.delivered, c.repeated+c.backfill)
		if c.doubled > 0 {
			t.Errorf("%s: %d incidents have two IDs, want none", what, c.doubled)
		}
		l.mu.Lock()
		if len(l.reused) > 0 {
			t.Errorf("%s: two events have the position %+v, and %d more", what, l.reused[0], len(l.reused)-1)
		}
		l.mu.Unlock()
	}
	w.until("correct scoreboards", func() bool { wrong, _ := boards(t.Context(), w.store, w.size); return wrong == 0 })
}

// command runs a program, and returns its output.
func (w *world) command(name string, args ...string) string {
	w.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), w.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// matchwire runs a command of matchwire with the config, and returns its output.
func (w *world) matchwire(args ...string) string {
	w.Helper()
	return w.command(w.parser.program, append(args, "--config", w.config)...)
}

// restoreRedis replaces the data of the Redis server by a backup, and starts it. The server must not be running.
// A server with an append-only file would ignore the backup. So a server without one loads it first, and
// writes an append-only file.
func (w *world) restoreRedis(backup string) {
	w.Helper()
	if err := servers.RemoveRedisData(w.redis); err != nil {
		w.Fatal(err)
	}
	from, err := os.Open(backup)
	if err != nil {
		w.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(w.redis.Dir, "dump.rdb"))
	if err != nil {
		w.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		w.Fatal(err)
	}
	if err := to.Close(); err != nil {
		w.Fatal(err)
	}
	port, err := servers.FreePort()
	if err != nil {
		w.Fatal(err)
	}
	p := strconv.Itoa(port)
	loading := exec.Command("redis-server", "--dir", w.redis.Dir, "--appendonly", "no", "--save", "",
		"--bind", "127.0.0.1", "--port", p)
	if err := loading.Start(); err != nil {
		w.Fatal(err)
	}
	ping := func() bool { return exec.Command("redis-cli", "-p", p, "ping").Run() == nil }
	testenv.Eventually(w.T, ping, "Redis to load the backup")
	w.command("redis-cli", "-p", p, "config", "set", "appendonly", "yes")
	written := func() bool {
		info := w.command("redis-cli", "-p", p, "info", "persistence")
		return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0")
	}
	testenv.Eventually(w.T, written, "Redis to write the append-only file")
	w.command("redis-cli", "-p", p, "shutdown")
	if err := loading.Wait(); err != nil {
		w.Fatal(err)
	}
	if err := w.redis.Start(); err != nil {
		w.Fatal(err)
	}
}

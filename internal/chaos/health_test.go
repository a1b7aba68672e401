package chaos

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// /healthz reports each fault while it lasts.
func TestHealth(t *testing.T) {
	longOnly(t)
	w := newWorld(t, 1, seed(t))
	w.size = wave{name: "w", matches: 1, rows: 300, step: 1} // long enough to publish events during the whole test
	w.waves = append(w.waves, w.size)
	w.site.play(w.size)
	w.startRoles()
	want := func(status, issue string) {
		t.Helper()
		var code int
		var health struct {
			Status string
			Issues []string `json:"troubles"`
		}
		w.until("health status "+status+" "+issue, func() bool {
			resp, err := http.Get("http://" + w.health + "/healthz")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			health.Issues = nil
			code = resp.StatusCode
			return json.NewDecoder(resp.Body).Decode(&health) == nil && health.Status == status &&
				strings.Contains(strings.Join(health.Issues, "\n"), issue)
		})
		t.Logf("%d %+v", code, health)
		if (code != http.StatusOK) != (status == "fail") {
			t.Errorf("HTTP status %d with health status %q, want 200 unless the health status is fail", code, status)
		}
	}
	want("pass", "")
	w.ctl("set_disk_free_limit", "1000000GB")
	want("warn", "accepts no messages")
	w.ctl("set_disk_free_limit", "50MB")
	want("pass", "")
	w.amqpNet[0].Stall()
	want("fail", "does not answer")
	w.amqpNet[0].Flow()
	want("pass", "")
	w.nodes[0].Kill()
	want("fail", "reaching broker")
	w.restart(w.nodes[0].Server)
	want("pass", "")
	w.redis.Kill()
	want("fail", "Redis does not answer")
	w.restart(w.redis)
	want("pass", "")
}

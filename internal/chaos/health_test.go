package chaos

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What is wrong can be seen from outside, while it is.
func TestHealth(t *testing.T) {
	longOnly(t)
	w := newWorld(t, 1, seed(t))
	w.size = wave{name: "w", matches: 1, rows: 300, step: 1} // there is always something to publish
	w.waves = append(w.waves, w.size)
	w.site.play(w.size)
	w.begin()
	says := func(status, trouble string) {
		t.Helper()
		var code int
		var answer struct {
			Status   string
			Troubles []string
		}
		w.until("health to be "+status+" "+trouble, func() bool {
			resp, err := http.Get("http://" + w.health + "/healthz")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			answer.Troubles = nil
			code = resp.StatusCode
			return json.NewDecoder(resp.Body).Decode(&answer) == nil && answer.Status == status &&
				strings.Contains(strings.Join(answer.Troubles, "\n"), trouble)
		})
		t.Logf("%d %+v", code, answer)
		if (code != http.StatusOK) != (status == "fail") {
			t.Errorf("status %d with %q", code, status)
		}
	}
	says("pass", "")
	w.ctl("set_disk_free_limit", "1000000GB")
	says("warn", "accepts no messages")
	w.ctl("set_disk_free_limit", "50MB")
	says("pass", "")
	w.amqpNet[0].Stall()
	says("fail", "does not answer")
	w.amqpNet[0].Flow()
	says("pass", "")
	w.nodes[0].Kill()
	says("fail", "reaching broker")
	w.restart(w.nodes[0].Server)
	says("pass", "")
	w.redis.Kill()
	says("fail", "Redis does not answer")
	w.restart(w.redis)
	says("pass", "")
}

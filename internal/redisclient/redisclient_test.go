package redisclient

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The query of the URL decides between a single server, a cluster and Sentinels.
func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"redis://h:1/2":                                   "a single server",
		"rediss://user:p@h:1":                             "a single server",
		"redis://h:1?addr=h:2&addr=h:3":                   "a cluster",
		"redis://h:1?master_name=m&addr=h:2":              "Sentinels",
		"redis://h:1?pool_size=3&dial_timeout=1s":         "a single server",
		"redis://h:1,h:2":                                 "want redis://",
		"http://h:1":                                      "want redis://",
		"redis://u:" + testenv.Secret + "@h:1/x":          "invalid database number",
		"redis://u:" + testenv.Secret + "@h:1?addr=h":     "unable to parse addr",
		"redis://h:1?master_name=":                        "master_name",
		"redis://h:1?addr=h:2&read_only=true":             "read_only",
		"redis://h:1?master_name=m&replica_only=true":     "replica_only",
		"redis://u:" + testenv.Secret + "@h:1?colour=red": "colour",
		"redis://u:" + testenv.Secret + "@[::1":           "want redis://",
	} {
		c, err := New(url, time.Second)
		if err != nil {
			testenv.NoSecret(t, err.Error())
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q, want %q", url, err, want)
			}
			continue
		}
		kind := "a single server"
		if _, ok := c.(*redis.ClusterClient); ok {
			kind = "a cluster"
		} else if Replicated(c) {
			kind = "Sentinels"
		}
		c.Close()
		if kind != want {
			t.Errorf("%s: a client for %s, want %s", url, kind, want)
		}
	}
}
